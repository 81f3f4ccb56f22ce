/* SPDX-License-Identifier: MIT
 *
 * Open files that somebody polls (poll, select, epoll). The kernel gives each a handle of its own,
 * by which it is told to ask again.
 */
#pragma once

#include <glib.h>

struct fuse_pollhandle;
struct handle;

struct poller;

/* The kernel wants to be told of `handle`; takes `kernel`, in place of what it gave before. */
void pollers_keep(struct handle *handle, struct fuse_pollhandle *kernel);
/* The file is closed. NULL is fine. */
void poller_free(struct poller *poller);
/* Something may have changed for all in that queue; the kernel asks each what. */
void pollers_wake(const GQueue *pollers);
