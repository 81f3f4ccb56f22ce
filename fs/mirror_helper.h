/* SPDX-License-Identifier: MIT
 *
 * The process that makes the calls on our mount from which the kernel raises inotify events, and
 * what it and mirror_pool.c say to each other: one datagram an order (SOCK_SEQPACKET), one an
 * answer, one order at a time.
 */
#pragma once

#include <glib.h>

/* Followed by the path: below the mount point, no leading slash, no NUL. */
struct mirror_call {
    guint32 op;     /* enum mirror_op */
    guint32 serial; /* comes back in the answer */
    guint64 device; /* st_dev of the mount: after an unmount the same path leads into the directory
                       below it, where nothing must ever be made or removed */
};

struct mirror_answer {
    guint32 serial;
    gint32 error; /* 0 or an errno; ENODEV: that is not our mount (any more) */
};

/* The whole life of a helper: `fd` is its socket. It holds nothing open on the mount between two
 * orders (umount must not find it busy), ignores SIGTERM, SIGINT and SIGHUP, and ends when the
 * socket does or its parent dies. Returns the exit code. */
int mirror_helper_main(int fd, const char *mountpoint);
