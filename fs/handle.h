/* SPDX-License-Identifier: MIT
 *
 * One open file: the bytes of the version it was opened with, and the unfinished line of what was
 * written. No FUSE calls.
 */
#pragma once

#include "fs/fs.h"
#include "fs/stream.h"
#include "fs/tree.h"

struct poller;
struct record;

/* How a request ended whose answer may not have arrived. */
struct handle_answer {
    guint64 unique; /* 0 = none */
    gssize result;  /* bytes, or -errno */
};

/* The last READ of a stream, and where its reader was before. */
struct handle_read {
    guint64 unique; /* 0 = none */
    struct stream_place before;
};

struct handle {
    guint64 id;   /* fi->fh */
    guint64 node; /* id */
    struct fs *fs;
    guint64 service;       /* id; 0 = none */
    enum line_action line; /* LINE_NONE in hosts/: attributes of that one instance */
    char *host;            /* owned; file name in hosts/, NULL elsewhere */
    GBytes *bytes;         /* what reads give, one version from start to end */
    GString *pending;      /* the unfinished line */
    gboolean stream;       /* an `events` file */
    gboolean poked;        /* opened by a mirror helper, for an announcement */
    gboolean interested;   /* counted in service->handles */
    gboolean created;      /* by CREATE in hosts/: registers with defaults if nothing is written */
    gboolean wrote;        /* a line that is not blank */
    gint64 seen_ns;        /* mtime of the version that reads give; 0 = it has none */
    gboolean polled;       /* a read from 0 takes the newest version, as in sysfs */
    struct poller *poller; /* NULL = nobody waits */
    guint64 unique;        /* of its OPEN or CREATE */
    guint64 snapshot;      /* `bytes` in the state; 0 = they are empty */
    guint64 poll_kh;       /* the kernel's poll handle; 0 = none */
    struct handle_answer written, flushed;
    struct handle_read read;
    struct record *kept;
};

/* Takes the reference `bytes` (NULL = reads as empty). */
struct handle *handle_new(struct fs *fs, const struct node *node, GBytes *bytes);
/* One that an earlier daemon opened; its state is the caller's to restore. NULL if the id is taken.
 */
struct handle *handle_restore(struct fs *fs, guint64 id, const struct node *node, GBytes *bytes);
struct handle *handle_get(const struct fs *fs, guint64 id);
/* Counts as interest in the service while it is open. */
void handle_interested(struct handle *handle);
/* Reads give these bytes (reference taken) from now on. */
void handle_set_bytes(struct handle *handle, GBytes *bytes);
void handle_close(struct handle *handle);
/* mtime of what an open would give now; 0 for what has no versions. */
gint64 handle_newest(const struct handle *handle);
void handle_free(gpointer handle); /* for the slot table */
