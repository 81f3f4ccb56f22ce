/* SPDX-License-Identifier: MIT
 *
 * Writes the files of one directory, each as a whole: a new file, fsync, rename over the old one.
 * Whatever happens meanwhile, a reader finds the old content or the new. The loop never waits for
 * the disk. Many changes of a file within a second are one write, a few files are under way at a
 * time, and after a failure (full, read-only, gone) the writes are tried again, less and less
 * often, while memory serves; trouble is told at most once a minute.
 *
 * The new files grow in a directory of their own, DIR/.nacosfs, since the Java client takes every
 * file in DIR for a list.
 */
#pragma once

#include "naming/timers.h"
#include "naming/trouble.h"

#define DISK_WRITER_OWN ".nacosfs"

struct disk_writer;

/* What a file is to hold: an item and how it becomes bytes, when its turn comes. Static. */
struct disk_content {
    GBytes *(*render)(gpointer item); /* new reference */
    GDestroyNotify release;
};

/* `dir` need not exist yet; it is copied. Never fails. */
struct disk_writer *disk_writer_new(struct timers *timers, const char *dir,
                                    const struct trouble *trouble);
/* Writes what is not written yet, waiting for the disk, but begins nothing after `limit_us` or
 * after a failure. */
void disk_writer_free(struct disk_writer *writer, gint64 limit_us);

/* DIR/`name` (it may have DISK_WRITER_OWN before it) is to hold `item`, which is the writer's from
 * here on; what waits under that name is dropped. */
void disk_writer_put(struct disk_writer *writer, const char *name,
                     const struct disk_content *content, gpointer item);

/* Writes one small file at once: its errno, 0 on success. Its directory is made if need be; the
 * new file grows beside it as `path` and ".new". */
int disk_writer_replace(const char *path, const char *text);
