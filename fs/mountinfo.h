/* SPDX-License-Identifier: MIT
 *
 * What is mounted at a path (proc(5), /proc/PID/mountinfo). Asks the kernel's tables alone: no
 * request goes to the file system, so neither a dead nor a hung one can hold the caller.
 */
#pragma once

#include <glib.h>

/* The topmost mount at `path`, seen by this process. *type: new string ("fuse.nacosfs"); *device:
 * its st_dev. FALSE if `path` is not the root of a mount or cannot be looked at. */
gboolean mountinfo_at(const char *path, char **type, guint64 *device);

/* A number of the topmost mount at `path` that no other mount gets until the next boot
 * (STATX_MNT_ID_UNIQUE, kernel 6.8). 0 if it is not the root of a mount, or the kernel has none. */
guint64 mountinfo_id(const char *path);
