/* SPDX-License-Identifier: MIT
 *
 * Open files that somebody polls (poll, select, epoll). The kernel gives each a number of its own,
 * by which it is told to ask again.
 */
#pragma once

#include <glib.h>

struct handle;

struct poller;

/* The kernel wants to be told of `handle` under handle->poll_kh. */
void pollers_keep(struct handle *handle);
/* The file is closed. NULL is fine. */
void poller_free(struct poller *poller);
/* Something may have changed for all in that queue; the kernel asks each what. */
void pollers_wake(const GQueue *pollers);
