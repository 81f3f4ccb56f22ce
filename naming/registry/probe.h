/* SPDX-License-Identifier: MIT
 *
 * One probe under way, and what a prober is. A prober is a machine of few states on one descriptor:
 * the runner (probes.h) waits for it and for its deadline, the prober does not block and, when it
 * knows, calls probe_end.
 */
#pragma once

#include "naming/registry/check.h"

#include <sys/socket.h>

#define PROBE_CONNECT_MS 500 /* for a connection; for each answer of HTTP, for MySQL's login */

struct probe {
    struct check *check;            /* borrowed; NULL = the result counts for nobody any more */
    const struct prober *prober;    /* borrowed */
    const struct checker *checker;  /* borrowed; valid in start alone */
    struct probes *probes;          /* borrowed; the runner's */
    struct sockaddr_storage target; /* where to */
    socklen_t target_length;
    gint64 started; /* us, monotonic */
    /* what the prober waits for; it sets these in start and ready */
    int fd;                 /* -1 = none; closed by the runner unless the prober took it back */
    GIOCondition condition; /* 0 = the deadline alone */
    gint64 deadline;        /* us, monotonic */
    gpointer state;         /* the prober's own; freed by its clear */
    /* the runner's */
    struct probe_result result;
    gboolean ended;
    GSource *source; /* owned; fd and deadline */
    gpointer tag;    /* of fd in it */
};

struct prober {
    void (*start)(struct probe *probe);
    void (*ready)(struct probe *probe, GIOCondition condition);
    void (*late)(struct probe *probe);  /* at the deadline; must end it */
    void (*clear)(struct probe *probe); /* NULL = nothing to free */
};

extern const struct prober probe_tcp;
extern const struct prober probe_http;
extern const struct prober probe_mysql;

/* The prober knows. */
void probe_end(struct probe *probe, enum probe_verdict verdict, enum probe_time time);

/* `ms` from now. */
void probe_set_deadline(struct probe *probe, gint ms);

/* For probers that speak over a TCP connection of their own: begins to connect; ready is called
 * when that has come to an end. A connection that cannot even begin ends the probe. */
void probe_connect(struct probe *probe);
/* Whether it connected; else the probe is ended: refused is PROBE_FAIL_NOW, all else PROBE_FAIL. */
gboolean probe_connected(struct probe *probe);
