/* SPDX-License-Identifier: MIT
 *
 * Who still cares about a service. It is subscribed while it was opened
 * within idle_timeout, one of its files is open, or the kernel holds one of its nodes because a
 * process watches it or stands in it. To learn the last, nodes that were only looked up are named
 * to the kernel in a FUSE_NOTIFY_PRUNE: it forgets exactly those that nobody uses. A node that
 * outlives two prunes a quarter of a second apart is in use. Where the kernel cannot prune, what it
 * holds counts until it forgets it: better a poll too many than a deaf watch. No FUSE calls but
 * session_prune.
 */
#pragma once

#include "fs/fs.h"

struct group;
struct node;
struct service;

struct interest;

struct interest *interest_new(struct fs *fs);
/* Takes up what an earlier daemon cared for, once the model is there. */
void interest_begin(struct interest *interest);
void interest_free(struct interest *interest);

/* A file that shows the service's list was opened: subscribed from now on, for idle_timeout at
 * least. */
void interest_opened(struct service *service);

/* A node got its first reference or its last one went; called for every kind of node. */
void interest_node_new(struct fs *fs, const struct node *node);
void interest_node_gone(struct fs *fs, const struct node *node);
