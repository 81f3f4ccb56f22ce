/* SPDX-License-Identifier: MIT
 *
 * fsync(2) that the loop need not wait for: the kernel's own asynchronous I/O (io_submit(2),
 * IOCB_CMD_FSYNC, since 4.18) does it and an eventfd tells, so no thread is needed.
 */
#pragma once

#include <glib.h>

struct disk_fsync;

/* `error`: errno of the fsync, 0 = the file's bytes are on the disk. */
typedef void (*disk_fsync_fn)(int error, gpointer user_data);

#define DISK_FSYNC_ROOM 4 /* that many at a time */

/* `done` of all. Never NULL; where the kernel refuses (fs.aio-max-nr, a seccomp filter) every start
 * fails. */
struct disk_fsync *disk_fsync_new(disk_fsync_fn done);
/* Waits for what is under way, without `done`. */
void disk_fsync_free(struct disk_fsync *self);

/* Begins it; `fd` stays open until `done`, which is never called before this returns. FALSE if it
 * cannot be had: there is fsync(2) then. */
gboolean disk_fsync_start(struct disk_fsync *self, int fd, gpointer user_data);
