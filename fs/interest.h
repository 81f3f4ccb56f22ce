/* SPDX-License-Identifier: MIT
 *
 * Who still cares about a service. It is subscribed while it was opened
 * within idle_timeout, one of its files is open, or the kernel holds one of its nodes because a
 * process watches it or stands in it (node_use.h). No FUSE calls.
 */
#pragma once

#include "fs/fs.h"

struct service;

struct interest;

struct interest *interest_new(struct fs *fs);
/* Takes up what an earlier daemon cared for, once the model is there. */
void interest_begin(struct interest *interest);
void interest_free(struct interest *interest);

/* A file that shows the service's list was opened: subscribed from now on, for idle_timeout at
 * least. */
void interest_opened(struct service *service);
/* One of its files is open, or was within idle_timeout before `now` (monotonic us). */
gboolean interest_is_lately_opened(const struct service *service, gint64 now);
