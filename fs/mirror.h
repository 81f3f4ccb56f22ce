/* SPDX-License-Identifier: MIT
 *
 * Announcements: orders, one at a time a lane, for the mirror helpers, the processes that make the
 * VFS calls on our own mount from which the kernel raises inotify events. What to announce is state
 * of the lane's owner and asked for when the lane's turn comes, so bursts merge by themselves; the
 * order of one lane's calls is kept. A lane is a content file, a hosts/ directory, a group or the
 * root.
 *
 * A helper's call comes back to the daemon as an ordinary FUSE request. It is the helper's exactly
 * when mirror_order_from() of the caller's pid names that operation on that path: the pid is in the
 * list (struck from it before the process is reaped, so it cannot have been reused) and the order
 * is in flight to that very process. Everybody else is an ordinary user.
 *
 * Limits: one order in flight a lane and a helper; 1,000 orders/s over all with a burst of 100, so
 * that a watcher that sleeps 5 s does not lose events (16,384 are kept for it, a poke raises
 * three); a helper that does not answer for 5 s is killed and another one stands in for it.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

enum mirror_op {
    MIRROR_POKE,   /* open(O_WRONLY), futimens(mtime only), close: OPEN, MODIFY, CLOSE_WRITE */
    MIRROR_MKNOD,  /* regular file: CREATE */
    MIRROR_UNLINK, /* DELETE */
    MIRROR_MKDIR,  /* CREATE of a directory */
    MIRROR_RMDIR,  /* DELETE of a directory */
    /* A temporary name (a dot first) is made in the directory and renamed over the file: MOVED_TO.
     * Watches on the file survive if it has st_nlink 2 and its name an entry time-out of 0. */
    MIRROR_REPLACE,
};

enum mirror_turn {
    MIRROR_NOTHING, /* the lane is up to date */
    MIRROR_ORDER,   /* *op and *path are set */
    MIRROR_LATER,   /* not before *not_before */
};

struct mirror;
struct mirror_helper;
struct mirror_lane;

struct mirror_lane_class {
    /* None of these may free the mirror; only `done` may remove its own lane. */
    /* What the lane wants announced next. `path`: new string, below the mount point, as shown, no
     * leading slash. `not_before`: monotonic us. Called from the loop, never from mirror_mark(). */
    enum mirror_turn (*next)(gpointer owner, enum mirror_op *op, char **path, gint64 *not_before);
    /* The call came back with `error` (0 or an errno; EEXIST and ENOENT mean that a user was first)
     * or its helper died (EINTR). The lane is asked again afterwards; a second later after an error
     * that no user's call explains (ENODEV: the path does not lead into the mount any more). */
    void (*done)(gpointer owner, enum mirror_op op, const char *path, int error);
    /* TRUE while a user's operation is parked on the lane's directory or file: a helper would stand
     * in D state behind it, so nothing is ordered. May be NULL. */
    gboolean (*gated)(gpointer owner);
};

/* Embedded in its owner; the members belong to mirror.c. */
struct mirror_lane {
    const struct mirror_lane_class *class;
    gpointer owner;
    GQueue *queue;                /* in which it waits: its turn, a gate or a time; NULL = none */
    gint64 not_before;            /* monotonic us */
    gboolean paused;              /* until then, whatever is marked: its last order failed oddly */
    struct mirror_helper *helper; /* where its order is in flight, NULL = nowhere */
    GList link;
};

/* An order in flight. Borrowed; valid until the helper answers. */
struct mirror_order {
    enum mirror_op op;
    struct mirror_lane *lane;
    char *path;
};

/* Starts `helpers` (2 to 4) processes on the thread-default main context, after the mount was made
 * (the device of the mount is looked up, without a request to it): `argv` is how our own
 * executable is run (NULL-terminated, copied); the number of the helper's socket is appended. Each
 * is started again when it dies. `mountpoint` is copied. NULL and a reason in *why if the first
 * cannot be started. */
struct mirror *mirror_new(const char *const *argv, guint helpers, const char *mountpoint,
                          char **why);
/* The same, but held, and no helper is started before mirror_hold(mirror, FALSE). */
struct mirror *mirror_new_held(const char *const *argv, guint helpers, const char *mountpoint,
                               char **why);
/* `noted` is told of each helper (those that live already, too) that it lives, and right before it
 * is reaped that it does not any more. */
void mirror_note_helpers(struct mirror *mirror,
                         void (*noted)(pid_t pid, gboolean alive, gpointer user_data),
                         gpointer user_data);
/* While it is held no order goes out; what is marked waits. */
void mirror_hold(struct mirror *mirror, gboolean hold);
/* Ends the helpers (SIGKILL, reaped without waiting for one in D state) and forgets the lanes. */
void mirror_free(struct mirror *mirror);

void mirror_lane_init(struct mirror_lane *lane, const struct mirror_lane_class *class,
                      gpointer owner);
/* Takes the lane out before its owner goes; an order in flight is forgotten (no `done`). */
void mirror_lane_remove(struct mirror *mirror, struct mirror_lane *lane);

/* There is something to announce. Idempotent and cheap; the order goes out in the next turn of the
 * loop. */
void mirror_mark(struct mirror *mirror, struct mirror_lane *lane);
/* A gate opened: look at the queue again. */
void mirror_wake(struct mirror *mirror);

/* The order in flight to the helper with this pid, NULL if it is none or has none. */
const struct mirror_order *mirror_order_from(const struct mirror *mirror, pid_t pid);
/* TRUE for any living helper: its look-ups are no user's interest. */
gboolean mirror_is_helper(const struct mirror *mirror, pid_t pid);

/* Lanes queued or in flight; 0 = everything is announced. */
guint mirror_backlog(const struct mirror *mirror);
