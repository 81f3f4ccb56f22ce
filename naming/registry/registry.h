/* SPDX-License-Identifier: MIT
 *
 * The naming server without its HTTP side: the store, the clock that drives it, and the pushes that
 * its changes cause. Belongs to one GMainContext.
 */
#pragma once

#include "naming/registry/namespaces.h"
#include "naming/registry/persist.h"
#include "naming/registry/probes.h"
#include "naming/registry/push.h"
#include "naming/registry/service_json.h"
#include "naming/registry/store.h"
#include "naming/registry/switches.h"

struct registry {
    struct store *store;           /* owned */
    struct persist *persist;       /* owned; the store's journal */
    struct probes *probes;         /* owned */
    struct push *push;             /* owned */
    struct namespaces *namespaces; /* owned; their names */
    struct switches switches;
    GSource *alarm;   /* owned; the next thing that time does to the store */
    gint64 last_tick; /* us, monotonic; when the alarm last ran */
};

struct registry_config {
    const struct sockaddr *local;     /* borrowed; the address that the push socket is bound to */
    gint64 empty_expire;              /* us that services without instances stay */
    const char *state;                /* borrowed; directory of persist_new, NULL = none */
    const char *const *probe_allowed; /* borrowed; as probe_policy_new */
    gboolean no_brake;                /* remove even what goes missing with most of all */
};

/* With what is on disk. NULL with a GIOError or REGISTRY_ERROR_DISK. */
struct registry *registry_new(GMainContext *context, const struct registry_config *config,
                              GError **error);
void registry_free(struct registry *registry);

/* To be called after every change that a store call reported: tells the subscribers and sets the
 * clock. Also right for STORE_UNCHANGED. */
void registry_apply(struct registry *registry, const struct store_change *change);

/* PUT operator/switches. Turning health_check on again gives every instance one more time-out.
 * FALSE as switches_set. */
gboolean registry_switch(struct registry *registry, const char *entry, const char *value,
                         GError **error);

/* The service was removed or its settings changed: its subscribers get what is listed now. */
void registry_announce(struct registry *registry, const char *namespace_id, const char *service);

/* Appends the list reply. `view` but for its ref_time is the caller's. */
void registry_list(struct registry *registry, const char *namespace_id, struct service_view *view,
                   GString *out);
