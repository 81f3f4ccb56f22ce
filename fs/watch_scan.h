/* SPDX-License-Identifier: MIT
 *
 * One look at all inotify watches of the machine, as the `inotify` lines of /proc/PID/fdinfo tell
 * (proc(5)). The kernel writes the file of one descriptor in one piece, 3 us a watch: a program
 * that watches 100,000 files of its own costs 300 ms, so this is for a thread of its own. It
 * touches nothing but /proc and what it makes.
 */
#pragma once

#include <glib.h>

struct watch_scan {
    GHashTable *ids;   /* set of guint64: nodes of the mount with a watch on them */
    gboolean complete; /* FALSE: there may be watches that nobody can see from here */
    gint64 took_us;
};

/* `device`: st_dev of the mount. Free with watch_scan_free. */
struct watch_scan *watch_scan_new(guint64 device);
void watch_scan_free(struct watch_scan *scan); /* NULL is allowed */
