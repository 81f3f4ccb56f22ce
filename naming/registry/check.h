/* SPDX-License-Identifier: MIT
 *
 * When a persistent instance is probed and what the results make of it (HealthCheckTask,
 * HealthCheckCommon of 1.4.8, but with an interval for each instance, as in 2.x, so that a slow one
 * does not slow its cluster's others). Functions of the store, the result and the time.
 */
#pragma once

#include "naming/registry/store.h"

#define CHECK_TIMES 3 /* results in a row that turn an instance (checkTimes) */

enum probe_verdict {
    PROBE_OK,       /* checkOK: healthy after CHECK_TIMES in a row */
    PROBE_FAIL,     /* checkFail: unhealthy after CHECK_TIMES in a row */
    PROBE_FAIL_NOW, /* checkFailNow: unhealthy at once */
};

/* What a probe counts as in the interval. */
enum probe_time {
    PROBE_TIME_MEASURED, /* what it took */
    PROBE_TIME_DOUBLED,  /* twice the interval */
    PROBE_TIME_MAX,      /* the longest interval */
};

struct probe_result {
    enum probe_verdict verdict;
    enum probe_time time;
    gint took_ms;
};

struct probe; /* probes.h */

/* The checks of one instance. */
struct check {
    struct timed due;                /* in store.checks but while a probe is under way */
    struct store_instance *instance; /* borrowed: it owns this */
    struct probe *probe;             /* borrowed; under way for it, NULL = none */
    gint interval_ms;
    guint8 oks, fails; /* in a row; one of them is 0 */
    gboolean unproven; /* its health is from before we started: the first result decides */
};

/* The first probe comes after one interval. */
struct check *check_new(struct store *store, struct store_instance *instance, gint64 now);
/* A probe that is under way goes on, for nobody. */
void check_free(struct check *check);

/* What is to be probed, or how, is new: at once, and what is under way does not count. */
void check_restart(struct store *store, struct check *check, gint64 now);

/* The instance was read from disk: it is not healthy before a probe says so. At once. */
void check_unproven(struct store *store, struct check *check, gint64 now);

/* Nobody probes this one now: looked at again after the longest interval. */
void check_skip(struct store *store, struct check *check, gint64 now);

/* A probe has ended: counts, turns the instance, sets when the next one is due. */
void check_result(struct store *store, struct check *check, const struct probe_result *result,
                  gint64 now, struct store_change *change);
