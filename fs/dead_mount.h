/* SPDX-License-Identifier: MIT
 *
 * A mount of ours whose daemon was killed: it answers everything with ENOTCONN until somebody
 * detaches it.
 */
#pragma once

#include <glib.h>

/* Makes `mountpoint` free for a new mount: TRUE if nothing of ours is mounted there, or what is
 * there was dead and is detached now. FALSE and one line in *why (new string) if a nacosfs lives
 * there (or does not answer for a second: a hung daemon is alive), or a dead one cannot be
 * detached. Other file systems are not looked at. To be called before /dev/fuse is opened. */
gboolean dead_mount_clear(const char *mountpoint, char **why);

/* Lazy unmount, by fusermount3 without the right to do it. 0 or an errno. */
int dead_mount_detach(const char *mountpoint);
