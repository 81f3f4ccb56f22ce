/* SPDX-License-Identifier: MIT
 *
 * Taking over from a daemon that died: the model is rebuilt from the state, what was asked for and
 * not answered is gone on with, and what it had not announced yet is announced.
 */
#pragma once

#include "fs/fs.h"

struct service;
struct session_request;

/* The mount was made anew: drops what the kernel had of the old one. Before the session, the tree
 * and the journal are made. */
void restore_forget_kernel(struct fs *fs);

/* Builds the model of what stands in the state; nothing there: an empty one. Naming, mirror and
 * session must be there, and serve nobody yet. */
void restore_model(struct fs *fs);
/* Finds out what has changed and what is owed; whose nodes the kernel holds is known by now
 * (interest_begin). */
void restore_resume(struct fs *fs);

/* Unpacks a service's lists, if they are not unpacked yet. For what needs them, or the version of
 * the view, while the model is built. */
void restore_lists(struct service *service);
/* Services are still being woken. */
gboolean restore_is_waking(const struct fs *fs);

/* Frees what was for the beginning only. */
void restore_end(struct fs *fs);

/* For the session's hooks. */
int restore_judge(const struct session_request *request, gpointer fs);
/* All requests that the dead daemon had taken have come again: what nobody has claimed is finished,
 * and announcements go out. */
void restore_resent(gpointer fs);
