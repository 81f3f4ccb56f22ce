/* SPDX-License-Identifier: MIT
 *
 * The FUSE session as a source of the main loop: mount, requests in, notifications out, unmount.
 */
#pragma once

#include <glib.h>

struct fuse_args;
struct fuse_lowlevel_ops;
struct session;

struct session_config {
    struct fuse_args *fuse_args;         /* borrowed during session_new */
    const struct fuse_lowlevel_ops *ops; /* borrowed during session_new */
    gpointer user_data;                  /* fuse_req_userdata() of every request */
    const char *mountpoint;              /* absolute; copied */
    /* The mount is gone (umount, fusermount3 -u, abort): no request will come any more. Called
     * once, from the loop. */
    void (*ended)(gpointer user_data);
};

/* Mounts and begins to serve on the thread-default main context. A dead mount of ours on the same
 * path (its daemon was killed) is detached first; a living nacosfs there, a path that is not a
 * directory and everything that libfuse refuses end with NULL and one line in *why (new string). */
struct session *session_new(const struct session_config *config, char **why);

/* Unmounts (lazily if busy) and frees; nothing is called afterwards. Not from within an operation;
 * `ended` may call it. Requests not answered end with ENOTCONN for their callers. */
void session_free(struct session *session);

/* FUSE_NOTIFY_PRUNE (kernel 6.18, protocol 7.45, code 9): asks the kernel to forget those of the n
 * nodes that nobody uses; those that nobody watches, opens or stands in come back as FORGET soon.
 * Never blocks. 0 or an errno (ENOSYS, EINVAL: the kernel cannot). At most 500 are sent in one
 * write. */
int session_prune(struct session *session, const guint64 *ids, guint n);

/* FUSE_NOTIFY_INVAL_INODE with off = -1: drops cached attributes, takes no lock that a parked
 * request could hold. 0, or ENOENT when the kernel does not hold the node. */
int session_inval_attr(struct session *session, guint64 id);
