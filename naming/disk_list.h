/* SPDX-License-Identifier: MIT
 *
 * Reads the file of one service's list: what DiskCache.write or a person wrote, a ServiceInfo in
 * JSON on a line of its own, or an Instance a line (the Java client's old format). Whatever else is
 * there under that name does no harm: only a plain file is opened, no symbolic link is followed,
 * nothing blocks, and nothing of a file that makes no sense is used. What we add are lines that
 * Java skips: "#sha256 HEX" behind the list, which is verified, and "#name NAME" before it in a
 * file whose own name had to be shortened.
 */
#pragma once

#include "naming/parse_worker.h"

#define DISK_LIST_MAX (64 * 1024 * 1024) /* bytes of a file; a longer one is not read */

/* "disk" and "failover": what service_info.source says. */
extern const char disk_list_cache[];
extern const char disk_list_failover[];

/* What came of it. */
struct disk_list {
    struct service_info *info; /* borrowed; NULL if the file makes no sense */
    const char *why;           /* borrowed; the reason if so */
    gint64 age_us;             /* since the file was written, by the wall clock; never negative */
};
typedef void (*disk_list_fn)(const struct disk_list *list, gpointer user_data);

struct disk_list_job;

/* All borrowed for the call; the worker for as long as the job runs. */
struct disk_list_file {
    struct parse_worker *worker; /* for lists too long for the loop */
    const char *path;
    const struct service_key *key; /* a list of another service makes no sense */
    const char *source;            /* disk_list_cache or disk_list_failover */
};

/* FALSE if there is no such file. Otherwise `done` is called once: before this returns, with *job
 * NULL, or, for a long list, later; then *job can be cancelled. */
gboolean disk_list_read(const struct disk_list_file *file, disk_list_fn done, gpointer user_data,
                        struct disk_list_job **job);
void disk_list_cancel(struct disk_list_job *job); /* without `done` */

/* What to write: the list as service_info_to_json has it and our lines. New reference. */
GBytes *disk_list_render(const struct service_info *info);

/* Whose list dir/name is, by its name or, if that was shortened, by its first line; *clusters as
 * disk_name_parse has it. NULL if nothing says so. New. */
struct service_key *disk_list_key(const char *dir, const char *name, char **clusters);
