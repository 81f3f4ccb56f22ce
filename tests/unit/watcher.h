/* SPDX-License-Identifier: MIT
 *
 * A user of a mount that the test itself serves, so in a process of its own: the test program
 * started again. And waiting for a condition on the default loop.
 */
#pragma once

#include "fs/child.h"

#include <glib.h>

#define WAIT_S 10

/* Runs the default main context until `condition` is true; fails the test after WAIT_S. */
#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        gint64 wait_deadline_ = g_get_monotonic_time() + WAIT_S * G_TIME_SPAN_SECOND;              \
        gboolean wait_met_;                                                                        \
        while (!(wait_met_ = !!(condition)) && g_get_monotonic_time() < wait_deadline_)            \
            turn_loop();                                                                           \
        if (!wait_met_)                                                                            \
            g_error("%s:%d: still not: %s", __FILE__, __LINE__, #condition);                       \
    } while (0)

/* One iteration, which ends after some ms at the latest. */
void turn_loop(void);
/* Runs the loop for so long: to see that something does not happen. */
void run_loop(int ms);

struct watcher {
    struct child *child;
    GSource *source;
    int socket;
    GString *text; /* "OPEN f\n" a line, "ready\n" first */
};

/* Watches `path` (new inotify instance), or only calls stat on it with `watched` FALSE, and stays.
 * Returned when that is done; a failing call is the line "error N". */
struct watcher *watcher_new(const char *path, gboolean watched);
void watcher_free(struct watcher *watcher);
/* Forgets what came so far. */
void watcher_clear(struct watcher *watcher);

/* For main(): TRUE if argv asks for a watcher or a mirror helper; *status is what to return then.
 */
gboolean watcher_or_helper_main(int argc, char **argv, int *status);

/* Starts this program as a helper of `mountpoint` that is in nobody's list. */
struct child *impostor_new(const char *mountpoint, int *socket);
