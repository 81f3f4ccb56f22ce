/* SPDX-License-Identifier: MIT
 *
 * What one mount consists of. Built and torn down by daemon.c; every part gets it from its caller,
 * nothing reaches it by a global.
 */
#pragma once

#include "fs/ask.h"
#include "fs/mirror.h"
#include "fs/slots.h"
#include "mountopts/mountopts.h"
#include "naming/naming.h"

struct audit;
struct client;
struct error_log;
struct events;
struct interest;
struct journal;
struct node_use;
struct parked;
struct record;
struct remembered;
struct render;
struct session;
struct snapshots;
struct state;
struct tree;

/* A list of names that is asked for again when it is too old. */
struct listing {
    struct naming_call *call; /* under way; NULL = none */
    struct waiters waiters;
    gint64 began;       /* monotonic us when the request under way was made */
    gint64 asked;       /* monotonic us when the last complete answer was asked for */
    gint64 done_at;     /* monotonic us of the last complete answer; 0 = never one */
    guint answers;      /* complete answers so far */
    gboolean from_disk; /* no answer yet, but names of the disk cache are taken in */
    gboolean first; /* the first answer is being taken in: nothing was known before, so no events */
};

/* The root directory: which groups there are. */
struct root {
    struct listing listing;  /* catalog/services */
    GHashTable *groups;      /* shown name -> struct group, borrowed from fs->groups */
    struct asks asks;        /* groups that no listing told of */
    struct mirror_lane lane; /* groups that come and go */
    struct waiters settled;  /* told when the lane has announced all */
    guint parked;            /* users' operations that hold the directory's lock: the gate */
    gint64 mtime_ns;         /* wall clock */
    struct record *kept;
};

struct fs {
    const struct mount_options *options; /* borrowed */
    struct client *client;
    struct naming *naming; /* borrowed from the client */
    struct state *state;   /* what outlives this daemon */
    struct journal *journal;
    struct snapshots *snapshots; /* bytes of open files */
    GHashTable *reopened;    /* unique of an OPEN or CREATE -> handle id, of what an earlier daemon
                                opened; NULL once all that it had taken has come again */
    GHashTable *old_helpers; /* pids of mirror helpers of earlier daemons, for the first seconds;
                                NULL then */
    struct session *session;
    struct mirror *mirror;
    struct error_log *errors;
    struct tree *tree;
    struct slots *groups;        /* struct group */
    struct slots *services;      /* struct service */
    struct slots *registrations; /* struct registered */
    struct slots *handles;       /* struct handle */
    struct interest *interest;
    struct node_use *node_use;
    struct audit *audit;
    struct remembered *remembered; /* NULL with cache_dir=none */
    struct events *events;
    GQueue pollers; /* struct poller: of open files in .nacos */
    struct root root;
    struct render *render; /* .nacos/render */
    GQueue parked;         /* struct parked: requests that wait */
    GQueue changes;        /* struct registered_op: changes under way at the server */
    gboolean closing;      /* no request may wait any more */
    gint64 started;        /* monotonic us */
    gint64 started_ns;     /* wall clock; the times of what has no time of its own */
    guint wake_timer;      /* source id: services an earlier daemon left still sleep; 0 = none */
    guint next_asleep;     /* index of the next of them */
    gboolean undoing;      /* a register was cancelled: the client may still have to undo it */
    const char *libfuse_version; /* static */
    char protocol[16];           /* of the kernel interface, "7.45"; once it has said */
};
