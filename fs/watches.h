/* SPDX-License-Identifier: MIT
 *
 * Whether some process has an inotify watch on the mount's root directory, which the kernel never
 * forgets, so that no prune can tell. Read from the `inotify` lines of /proc/PID/fdinfo (proc(5)),
 * one process an idle turn of the loop, all of them every five seconds. Processes that we may not
 * read are taken for watchers' (better a poll too many).
 */
#pragma once

#include <glib.h>

struct watches;

/* `mountpoint`: absolute; copied. */
struct watches *watches_new(const char *mountpoint);
void watches_free(struct watches *watches);
gboolean watches_root(const struct watches *watches);
