/* SPDX-License-Identifier: MIT
 *
 * Making and ending a mount: what the keeper does. /dev/fuse is not read here, and nothing here
 * asks anything of the mount itself.
 */
#pragma once

#include <glib.h>

struct fuse_args;

struct mounting {
    int fd;           /* /dev/fuse, close-on-exec, non-blocking; the owner's */
    char *mountpoint; /* owned; absolute */
    guint64 device;   /* st_dev of the mount, which the next one may get; 0 = not known yet */
    guint64 id;       /* of the mount (mountinfo_id()); 0 = the kernel has none */
};

/* Mounts: `fuse_args` are libfuse's options, borrowed; `mountpoint` is absolute, copied. A dead
 * mount of ours on the same path (its daemon was killed) is detached first; a living nacosfs there,
 * a path that is not a directory and everything that libfuse refuses end with FALSE and one line in
 * *why (new string). May block as mount(2) and fusermount3 do. */
gboolean mounting_make(struct mounting *mounting, const struct fuse_args *fuse_args,
                       const char *mountpoint, char **why);
/* A mount made by an earlier process, whose descriptor this one was handed. */
void mounting_adopt(struct mounting *mounting, int fd, const char *mountpoint);

/* The kernel has no use for the descriptor any more: unmounted (the last user is gone), or aborted.
 */
gboolean mounting_is_over(const struct mounting *mounting);

/* Unmounts, lazily if it is busy, and closes the descriptor, which frees whoever waits for an
 * answer (ENOTCONN). Something else that is mounted on the path by now is left alone. */
void mounting_end(struct mounting *mounting);
