/* SPDX-License-Identifier: MIT
 *
 * The FUSE session as a source of the main loop: requests in, answers and notifications out. The
 * mount itself is made and ended by the keeper (mounting.h); a session takes over where an earlier
 * one on the same mount left off, with what the kernel has negotiated with that one, and has the
 * requests that it had taken sent once more (FUSE_NOTIFY_RESEND, kernel 6.9).
 */
#pragma once

#include "fs/state.h"

#include <glib.h>
#include <sys/types.h>

struct fuse_args;
struct fuse_lowlevel_ops;
struct session;

/* A request as it was read. */
struct session_request {
    guint64 unique;  /* the kernel's number of it, never used again in a mount; without the mark */
    gboolean resent; /* an earlier daemon had taken it and did not answer */
    guint32 opcode;  /* of linux/fuse.h */
    guint64 node;
    guint64 poll_kh; /* POLL: under which number the kernel wants to be told; 0 = it does not */
    pid_t pid; /* of the caller; 0 = the kernel itself, or somebody beyond our pid namespace */
};

struct session_config {
    struct fuse_args *fuse_args;         /* borrowed during session_new */
    const struct fuse_lowlevel_ops *ops; /* borrowed during session_new */
    gpointer user_data;                  /* session_user_data() */
    int fd;                              /* /dev/fuse, non-blocking; the session's from now on */
    struct state *state;                 /* borrowed */
    /* The mount is gone (umount, fusermount3 -u, abort): no request will come any more. Called
     * once, from the loop. */
    void (*ended)(gpointer user_data);
    /* The rest may be NULL. An errno instead of having the request handled, 0 = go on. */
    int (*judge)(const struct session_request *request, gpointer user_data);
    /* The kernel has taken the answer (or did not want it any more). */
    void (*answered)(guint64 unique, gpointer user_data);
    /* All that the daemon before had taken was read; called once, also if there was none. */
    void (*resent)(gpointer user_data);
};

/* Nothing is read yet. What fuse_req_userdata() gives, and what `init` gets, is the session. NULL
 * and one line in *why (new string) if libfuse refuses, or if this binary would not negotiate with
 * the kernel what an earlier one has. */
struct session *session_new(const struct session_config *config, char **why);

/* Begins to serve, on the thread-default main context. */
void session_begin(struct session *session);

/* Closes the descriptor and frees; nothing is called afterwards. Not from within an operation;
 * `ended` may call it. */
void session_free(struct session *session);

gpointer session_user_data(const struct session *session);

/* The request that is being worked on; zeroes if none is. */
const struct session_request *session_current(const struct session *session);

/* Marks that `request` (NULL = none) is being worked on: whoever dies of it is counted, and after
 * the third time it is answered with EIO. Operations are marked by the session itself; this is for
 * what answers later. */
void session_working(struct session *session, const struct session_request *request);

/* FUSE_NOTIFY_PRUNE (kernel 6.18, protocol 7.45, code 9): asks the kernel to forget those of the n
 * nodes that nobody uses; those that nobody watches, opens or stands in come back as FORGET soon.
 * Never blocks. 0 or an errno (ENOSYS, EINVAL: the kernel cannot). At most 500 are sent in one
 * write. */
int session_prune(struct session *session, const guint64 *ids, guint n);

/* Grows when there is nothing (more) to read, which this call may find out: then all that the
 * kernel had to say to an earlier prune was heard. */
guint64 session_emptied(struct session *session);

/* FUSE_NOTIFY_INVAL_INODE with off = -1: drops cached attributes, takes no lock that a parked
 * request could hold. 0, or ENOENT when the kernel does not hold the node. */
int session_inval_attr(struct session *session, guint64 id);

/* FUSE_NOTIFY_POLL: wakes those who poll under the kernel's handle `kh`. 0 or an errno. */
int session_notify_poll(struct session *session, guint64 kh);
