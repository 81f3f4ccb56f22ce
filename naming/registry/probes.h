/* SPDX-License-Identifier: MIT
 *
 * Probes the persistent instances of a store when their checks are due: the table of probers, and
 * the loop that runs them, never more than PROBES_MAX at a time.
 */
#pragma once

#include "naming/registry/probe_policy.h"
#include "naming/registry/store.h"

#define PROBES_MAX 64

/* A result changed an instance. */
typedef void (*probes_changed_fn)(const struct store_change *change, gpointer user_data);

struct probes;

struct probes_figures {
    guint in_flight;
    guint most;       /* in flight at a time so far */
    guint64 done;     /* ended since the start */
    guint64 failed;   /* of them not PROBE_OK */
    gboolean enabled; /* the switch */
};

/* `policy`: owned by it. `store` is borrowed. */
struct probes *probes_new(GMainContext *context, struct store *store, struct probe_policy *policy,
                          probes_changed_fn changed, gpointer user_data);
/* Gives up what is under way. Before the store is freed. */
void probes_free(struct probes *probes);

/* After anything that may have made a check due earlier. */
void probes_schedule(struct probes *probes);

/* No probes while it is off (the switch healthCheckEnabled). */
void probes_enable(struct probes *probes, gboolean enabled);

/* Whether the instance's health comes from probes, and so is nobody's to set. */
gboolean probes_cover(const struct probes *probes, const struct store_instance *instance);

struct probes_figures probes_figures(const struct probes *probes);
