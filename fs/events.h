/* SPDX-License-Identifier: MIT
 *
 * The open `events` files of a mount: changes of a service's view become lines of one stream, which
 * exists while somebody has such a file open. No FUSE calls.
 */
#pragma once

#include "fs/fs.h"
#include "fs/stream.h"

struct events;
struct handle;
struct service;

struct events *events_new(void);
void events_free(struct events *events); /* after all handles */

/* An `events` file was opened: of the handle's service, or of all when it has none. */
void events_open(const struct handle *handle);
/* No effect on other files. */
void events_close(const struct handle *handle);
/* The reader of an open `events` file, borrowed; NULL for every other file. */
struct stream_reader *events_reader(const struct fs *fs, guint64 handle);

/* As stream_read and stream_is_readable. */
gsize events_read(const struct fs *fs, struct stream_reader *reader, char *buffer, gsize size);
gboolean events_readable(const struct fs *fs, struct stream_reader *reader);
/* Back to where it was before a READ whose answer did not arrive; `place` is copied. */
void events_put_back(const struct fs *fs, struct stream_reader *reader,
                     const struct stream_place *place);
/* Told when there may be something to read, not before this returns. */
struct waiter *events_wait(const struct fs *fs, const struct stream_reader *reader, wait_fn fn,
                           gpointer user_data);

/* The view of `service` is a new one (swapped in, its files rendered); `old` was there before.
 * Nobody hears of it yet. */
void events_changed(struct service *service, const struct service_info *old);
/* Tells those who wait. */
void events_wake(struct service *service);

/* Takes up the events that an earlier daemon had not lost yet. Before the readers are opened again.
 * Those of a view that is not in the state any more were never read: the change will be found anew.
 */
void events_restore(struct fs *fs);
/* After the last reader was opened again. */
void events_restored(struct fs *fs);
