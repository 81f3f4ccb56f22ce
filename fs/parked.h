/* SPDX-License-Identifier: MIT
 *
 * Requests that wait: for a list, a registration, an announcement. Each is answered exactly once:
 * by what it waits for, with EINTR when its caller was interrupted by a signal that asks for that
 * (fs/signals.h), with ETIMEDOUT at its deadline, or with EINTR when the mount ends.
 */
#pragma once

#include "fs/fs.h"
#include "fs/session.h"

struct fuse_req;
struct writer_job;

struct parked {
    struct fs *fs;
    struct fuse_req *req;
    struct session_request request;
    /* Replies; `error` is 0 or an errno. May park the request anew (the record is freed
     * afterwards). */
    void (*answer)(struct parked *parked, int error);
    gpointer wait;                 /* what it waits for; NULL once that has told */
    void (*cancel)(gpointer wait); /* takes the request off it */
    guint *gate;  /* raised while it waits: the caller holds that directory's or file's lock */
    guint *count; /* raised while it waits, keeps the counted record alive; NULL = none */
    /* What the answer needs; owned. */
    guint64 node;
    guint64 handle;
    char *name;
    int flags;
    guint step;             /* of what takes several */
    gint64 since;           /* monotonic us when the request came */
    gsize size;             /* bytes that a READ asked for */
    gsize done;             /* bytes of a write that count already */
    struct writer_job *job; /* of a write under way; its own */
    /* parked.c's own */
    GList link;
    guint timer;
    guint look_again; /* source id: interrupted by what asks for nothing; 0 = not */
    gboolean started;
};

#define PARKED_DEFAULT_MS 0 /* the mount's timeout and a second to spare */
#define PARKED_FOR_EVER G_MAXUINT

/* Not waiting yet: fill in wait and cancel, gate, the answer's fields, then parked_start. */
struct parked *parked_new(struct fs *fs, struct fuse_req *req,
                          void (*answer)(struct parked *parked, int error));
/* Begins the waiting. The record may be answered and freed before this returns (its caller was
 * interrupted already). */
void parked_start(struct parked *parked, guint deadline_ms);
/* wait_fn: what it waited for has told. Without parked_start before, it is answered all the same.
 */
void parked_told(gpointer parked, int error);
/* Ends all with `error`. */
void parked_end_all(struct fs *fs, int error);
