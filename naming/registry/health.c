/* SPDX-License-Identifier: MIT */
#include "naming/registry/health.h"

#define HELD (5 * G_USEC_PER_SEC) /* then an instance that the brake keeps is looked at again */

static gint64 unhealthy_at(const struct store_instance *instance)
{
    return instance->last_beat + (gint64)instance->metadata.beat_timeout_ms * 1000;
}

static gint64 expires_at(const struct store_instance *instance)
{
    return instance->last_beat + (gint64)instance->metadata.delete_timeout_ms * 1000;
}

static gint64 next_deadline(const struct store_instance *instance)
{
    return instance->missing ? expires_at(instance)
                             : MIN(unhealthy_at(instance), expires_at(instance));
}

void health_touch(struct store *store, struct store_instance *instance, gint64 now)
{
    store->missing_count -= instance->missing;
    instance->missing = FALSE;
    instance->last_beat = now;
    gint64 due = next_deadline(instance);
    if (!instance->deadline.at || due < instance->deadline.due)
        timeline_set(store->deadlines, &instance->deadline, due);
}

void health_beat(struct store *store, struct store_instance *instance, gint64 now,
                 struct store_change *change)
{
    gboolean recovered = !instance->healthy;
    *change = (struct store_change){0};
    if (recovered) {
        instance->healthy = TRUE;
        instance->service->checksum[0] = '\0';
        *change = (struct store_change){STORE_MODIFIED, instance->service, instance};
    }
    health_touch(store, instance, now);
}

static guint ephemeral_count(const struct store *store)
{
    return store->instance_count - store->persistent_count;
}

/* Its beats are overdue. TRUE if a list shows the difference. */
static gboolean miss(struct store *store, struct store_instance *instance, gint64 now,
                     struct store_change *change)
{
    gboolean was_healthy = instance->healthy;
    instance->missing = TRUE;
    instance->healthy = FALSE;
    store->missing_count++;
    brake_miss(&store->brake, now);
    brake_update(&store->brake, store->missing_count, ephemeral_count(store), now);
    timeline_set(store->deadlines, &instance->deadline, MAX(expires_at(instance), now + 1));
    if (!was_healthy)
        return FALSE;
    instance->service->checksum[0] = '\0';
    *change = (struct store_change){STORE_UNHEALTHY, instance->service, instance};
    return TRUE;
}

gboolean health_step(struct store *store, gint64 now, struct store_change *change)
{
    struct store_instance *instance;
    brake_update(&store->brake, store->missing_count, ephemeral_count(store), now);
    while ((instance = timeline_due(store->deadlines, now))) {
        gint64 due = next_deadline(instance);
        if (due > now) {
            timeline_set(store->deadlines, &instance->deadline, due);
        } else if (!instance->missing) {
            if (miss(store, instance, now, change))
                return TRUE;
        } else if (brake_holds(&store->brake, now)) {
            timeline_set(store->deadlines, &instance->deadline, now + HELD);
        } else {
            store_deregister(store, instance, now, change, NULL);
            change->kind = STORE_EXPIRED;
            return TRUE;
        }
    }
    return FALSE;
}

void health_remove_empty(struct store *store, gint64 now)
{
    struct store_service *service;
    while ((service = timeline_due(store->empty, now)))
        store_remove_service(store, service, NULL);
}

gint64 health_next(const struct store *store)
{
    return MIN(timeline_next(store->deadlines), timeline_next(store->empty));
}

void health_resume(struct store *store, gint64 now)
{
    GSequenceIter *at = g_sequence_get_begin_iter(store->deadlines);
    for (; !g_sequence_iter_is_end(at); at = g_sequence_iter_next(at)) {
        struct timed *entry = g_sequence_get(at);
        struct store_instance *instance = entry->owner;
        instance->last_beat = now;
    }
}
