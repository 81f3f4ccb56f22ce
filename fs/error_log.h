/* SPDX-License-Identifier: MIT
 *
 * The last 100 errors, for `.nacos/errors`: why a call got its errno. No I/O: who keeps them beyond
 * the daemon is told of every change.
 */
#pragma once

#include <glib.h>

#define ERROR_LOG_ROOM 100

struct error_log;
struct record;

struct error_entry {
    guint64 number; /* of all errors so far */
    gint64 time_ms; /* of the first, wall clock */
    int error;
    char *path;   /* below the mount point */
    char *server; /* "" = none */
    char *text;
    guint64 count;       /* 0 = it makes room for another */
    struct record *kept; /* the keeper's */
};

/* `changed` (NULL = none) is told of an entry that is new, counts more, or goes. */
struct error_log *error_log_new(void (*changed)(struct error_entry *entry, gpointer user_data),
                                gpointer user_data);
void error_log_free(struct error_log *log);

/* `now_ms`: wall clock, ms since epoch. All strings are copied, cut at 1 KiB each and rendered
 * escaped. The same error and text of the same path again within a second of the first only counts
 * up (count=N). */
void error_log_add(struct error_log *log, gint64 now_ms, int error, const char *path,
                   const char *server, const char *text);
/* One that was there before, in the order of their numbers; strings are copied, nobody is told. */
void error_log_restore(struct error_log *log, const struct error_entry *entry);

/* One entry a line, oldest first: time= errno= path= server= text= (count= when above 1); errno by
 * name ("EINVAL"). New reference. */
GBytes *error_log_render(const struct error_log *log);

/* "EINVAL" for 22; static; "E?" for what has no name. */
const char *error_name(int error);
