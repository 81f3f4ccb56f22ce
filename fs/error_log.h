/* SPDX-License-Identifier: MIT
 *
 * The last 100 errors, for `.nacos/errors`: why a call got its errno. In memory only.
 */
#pragma once

#include <glib.h>

#define ERROR_LOG_ROOM 100

struct error_log;

struct error_log *error_log_new(void);
void error_log_free(struct error_log *log);

/* `now_ms`: wall clock, ms since epoch. `path` below the mount point. All strings are copied, cut
 * at 1 KiB each and rendered escaped. The same error and text of the same path again within a
 * second of the first only counts up (count=N). */
void error_log_add(struct error_log *log, gint64 now_ms, int error, const char *path,
                   const char *server, const char *text);

/* One record a line, oldest first: time= errno= path= server= text= (count= when above 1); errno by
 * name ("EINVAL"). New reference. */
GBytes *error_log_render(const struct error_log *log);

/* "EINVAL" for 22; static; "E?" for what has no name. */
const char *error_name(int error);
