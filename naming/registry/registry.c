/* SPDX-License-Identifier: MIT */
#include "naming/registry/registry.h"

#include "naming/registry/alarm.h"
#include "naming/registry/check.h"
#include "naming/registry/health.h"

#define TICK G_USEC_PER_SEC
#define FROZEN (3 * TICK) /* a gap between two ticks from which beats may have been missed */

/* While there are instances the alarm also runs once a second, so that a stand-still is seen
 * whenever it ends. */
static void set_alarm(struct registry *registry)
{
    struct store *store = registry->store;
    gint64 due = registry->switches.health_check ? health_next(store) : timeline_next(store->empty);
    if (store->instance_count)
        due = MIN(due, registry->last_tick + TICK);
    alarm_set(registry->alarm, due);
    probes_schedule(registry->probes);
}

static void log_change(const struct store_change *change)
{
    static const char *const verbs[] = {
        [STORE_UNCHANGED] = "unchanged",       [STORE_REGISTERED] = "registered",
        [STORE_MODIFIED] = "modified",         [STORE_UNHEALTHY] = "unhealthy",
        [STORE_DEREGISTERED] = "deregistered", [STORE_EXPIRED] = "expired",
    };
    const struct store_instance *instance = change->instance;
    g_debug("%s %s %s:%d", verbs[change->kind], change->service->name,
            instance ? instance->ip : "-", instance ? instance->port : 0);
}

static void registry_push(struct registry *registry, const char *namespace_id, const char *service)
{
    if (registry->switches.push)
        push_changed(registry->push, namespace_id, service);
}

static void announce_change(struct registry *registry, const struct store_change *change)
{
    if (change->kind == STORE_UNCHANGED)
        return;
    log_change(change);
    registry_push(registry, change->service->name_space->id, change->service->name);
}

static void log_brake(const struct store *store, gboolean was_on)
{
    if (store->brake.on && !was_on)
        g_warning("%u of %u ephemeral instances miss their beats at once: none is removed while "
                  "most are missing",
                  store->missing_count, store->instance_count - store->persistent_count);
    else if (!store->brake.on && was_on)
        g_message("%u of %u ephemeral instances are missing: removals go on", store->missing_count,
                  store->instance_count - store->persistent_count);
}

static void registry_tick(gpointer user_data)
{
    struct registry *registry = user_data;
    struct store_change change;
    gboolean braked = registry->store->brake.on;
    gint64 now = g_get_monotonic_time();
    if (registry->store->instance_count && now - registry->last_tick > FROZEN) {
        g_warning("this process stood still for %" G_GINT64_FORMAT
                  " s; all instances get one more time-out",
                  (now - registry->last_tick) / G_USEC_PER_SEC);
        health_resume(registry->store, now);
    }
    registry->last_tick = now;
    while (registry->switches.health_check && health_step(registry->store, now, &change))
        announce_change(registry, &change);
    log_brake(registry->store, braked);
    health_remove_empty(registry->store, now);
    set_alarm(registry);
}

static char *render_push(const struct subscription_request *request, gpointer user_data)
{
    GString *out = g_string_new(NULL);
    struct service_view view = {.service = request->service,
                                .clusters = request->clusters,
                                .env = "",
                                .grouped = request->grouped,
                                .cache_millis = SERVICE_JSON_PUSH_CACHE_MILLIS};
    registry_list(user_data, request->namespace_id, &view, out);
    return g_string_free(out, FALSE);
}

static void on_probed(const struct store_change *change, gpointer user_data)
{
    announce_change(user_data, change);
}

/* What was healthy when it was written may be anything now: what is probed waits for its probe. */
static void distrust(struct registry *registry, gint64 now)
{
    struct store *store = registry->store;
    g_autoptr(GPtrArray) checks = g_ptr_array_new();
    GSequenceIter *at = g_sequence_get_begin_iter(store->checks);
    for (; !g_sequence_iter_is_end(at); at = g_sequence_iter_next(at))
        g_ptr_array_add(checks, ((struct timed *)g_sequence_get(at))->owner);
    for (guint i = 0; i < checks->len; i++) {
        struct check *check = g_ptr_array_index(checks, i);
        if (probes_cover(registry->probes, check->instance))
            check_unproven(store, check, now);
    }
}

static gboolean load(struct registry *registry, GError **error)
{
    gint64 now = g_get_monotonic_time();
    if (!persist_load(registry->persist, registry->store, now, error))
        return FALSE;
    registry->store->journal = persist_journal(registry->persist);
    distrust(registry, now);
    registry->last_tick = now;
    set_alarm(registry);
    return TRUE;
}

struct registry *registry_new(GMainContext *context, const struct registry_config *config,
                              GError **error)
{
    struct probe_policy *policy = probe_policy_new(config->probe_allowed, error);
    if (!policy)
        return NULL;
    struct registry *registry = g_new0(struct registry, 1);
    registry->store = store_new(config->empty_expire);
    registry->store->brake.disabled = config->no_brake;
    registry->persist = persist_new(config->state);
    registry->probes = probes_new(context, registry->store, policy, on_probed, registry);
    registry->alarm = alarm_new(context, registry_tick, registry);
    registry->namespaces = namespaces_new();
    switches_init(&registry->switches);
    registry->push = push_new(context, config->local, render_push, registry, error);
    if (registry->push && load(registry, error))
        return registry;
    registry_free(registry);
    return NULL;
}

void registry_free(struct registry *registry)
{
    if (!registry)
        return;
    alarm_free(registry->alarm);
    probes_free(registry->probes);
    push_free(registry->push);
    store_free(registry->store);
    persist_free(registry->persist);
    namespaces_free(registry->namespaces);
    g_free(registry);
}

void registry_apply(struct registry *registry, const struct store_change *change)
{
    announce_change(registry, change);
    /* The first instance starts the ticks; before, there was nothing to stand still for. */
    if (change->kind == STORE_REGISTERED && registry->store->instance_count == 1)
        registry->last_tick = g_get_monotonic_time();
    set_alarm(registry);
}

void registry_announce(struct registry *registry, const char *namespace_id, const char *service)
{
    registry_push(registry, namespace_id, service);
    set_alarm(registry);
}

gboolean registry_switch(struct registry *registry, const char *entry, const char *value,
                         GError **error)
{
    gboolean checked = registry->switches.health_check;
    if (!switches_set(&registry->switches, entry, value, error))
        return FALSE;
    g_message("switch %s=%s", entry, value);
    if (registry->switches.health_check && !checked)
        health_resume(registry->store, g_get_monotonic_time());
    probes_enable(registry->probes, registry->switches.health_check);
    set_alarm(registry);
    return TRUE;
}

void registry_list(struct registry *registry, const char *namespace_id, struct service_view *view,
                   GString *out)
{
    struct store_service *service = store_service(registry->store, namespace_id, view->service);
    view->ref_time = store_ref_time(registry->store, service, g_get_real_time() / 1000);
    service_json_list(out, service, view);
}
