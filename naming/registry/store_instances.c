/* SPDX-License-Identifier: MIT */
#include "naming/registry/check.h"
#include "naming/registry/health.h"
#include "naming/registry/names.h"
#include "naming/registry/store_private.h"

#include <string.h>

/* The order of lists; the store's key of an instance within its service. */
static int compare_instances(gconstpointer a, gconstpointer b, gpointer user_data)
{
    const struct store_instance *left = a, *right = b;
    int order = strcmp(left->ip, right->ip);
    if (order == 0)
        order = left->port - right->port;
    if (order == 0)
        order = strcmp(left->cluster, right->cluster);
    return order ? order : right->ephemeral - left->ephemeral;
}

static void instance_free(gpointer data)
{
    struct store_instance *instance = data;
    timeline_clear(&instance->deadline);
    check_free(instance->check);
    g_free(instance->ip);
    g_ref_string_release(instance->cluster);
    metadata_clear(&instance->metadata);
    g_free(instance);
}

GTree *store_instances_new(void)
{
    return g_tree_new_full(compare_instances, NULL, NULL, instance_free);
}

/* The only instance of that ip, port and kind, whatever its cluster; NULL if there are none or
 * several. */
static struct store_instance *find_any_cluster(struct store_service *service,
                                               struct store_instance *probe)
{
    probe->cluster = (char *)"";
    GTreeNode *node = g_tree_lower_bound(service->instances, probe);
    struct store_instance *found = NULL;
    for (; node; node = g_tree_node_next(node)) {
        struct store_instance *instance = g_tree_node_value(node);
        if (instance->port != probe->port || !g_str_equal(instance->ip, probe->ip))
            return found;
        if (instance->ephemeral != probe->ephemeral)
            continue;
        if (found)
            return NULL;
        found = instance;
    }
    return found;
}

struct store_instance *store_find(const struct store *store, const struct store_id *id)
{
    struct store_service *service = store_service(store, id->namespace_id, id->service);
    if (!service)
        return NULL;
    /* A probe is only compared: its strings stay the caller's. */
    struct store_instance probe = {
        .ip = (char *)id->ip,
        .port = id->port,
        .ephemeral = !id->persistent,
        .cluster = (char *)(id->cluster ? id->cluster : NAMES_DEFAULT_CLUSTER),
    };
    struct store_instance *instance = g_tree_lookup(service->instances, &probe);
    return instance || id->cluster ? instance : find_any_cluster(service, &probe);
}

struct store_instance *store_find_any(const struct store *store, const struct store_id *id)
{
    struct store_id other = *id;
    struct store_instance *instance = store_find(store, id);
    other.persistent = !id->persistent;
    return instance ? instance : store_find(store, &other);
}

static gboolean check_weight(double weight, GError **error)
{
    if (weight >= 0 && weight <= STORE_MAX_WEIGHT)
        return TRUE;
    g_set_error_literal(error, REGISTRY_ERROR, REGISTRY_ERROR_NACOS,
                        "instance format invalid: The weights range from 0.0 to 10000.0");
    return FALSE;
}

/* TRUE if a list shows the difference. */
static gboolean apply(struct store_instance *instance, const struct store_record *record)
{
    double weight = record->weight > 0 ? MAX(record->weight, STORE_MIN_WEIGHT) : 0;
    gboolean differs = instance->weight != weight || instance->enabled != !!record->enabled ||
                       instance->metadata.json != record->metadata->json;
    instance->weight = weight;
    instance->enabled = !!record->enabled;
    metadata_assign(&instance->metadata, record->metadata);
    if (differs)
        instance->service->checksum[0] = '\0';
    return differs;
}

static struct store_instance *add_instance(struct store *store, struct store_service *service,
                                           const struct store_record *record)
{
    struct store_instance *instance = g_new0(struct store_instance, 1);
    const char *cluster = record->id.cluster ? record->id.cluster : NAMES_DEFAULT_CLUSTER;
    instance->deadline.owner = instance;
    instance->service = service;
    instance->ip = g_strdup(record->id.ip);
    instance->port = record->id.port;
    instance->cluster = g_ref_string_new_intern(cluster);
    instance->ephemeral = !record->id.persistent;
    apply(instance, record);
    instance->healthy = !!record->healthy;
    service->checksum[0] = '\0';
    g_tree_insert(service->instances, instance, instance);
    timeline_clear(&service->emptied);
    store->instance_count++;
    store->persistent_count += record->id.persistent;
    return instance;
}

/* What has to be on disk before it is done; the id is that of the instance. */
static gboolean keep(struct store *store, const struct store_id *id,
                     const struct store_record *record, gboolean healthy, GError **error)
{
    struct store_journal *journal = store->journal;
    struct store_record kept = *record;
    if (!journal || !id->persistent)
        return TRUE;
    kept.id = *id;
    kept.healthy = healthy;
    if (!kept.id.cluster)
        kept.id.cluster = NAMES_DEFAULT_CLUSTER;
    return journal->put_instance(journal, &kept, error);
}

/* Borrowed from the instance. */
static struct store_id id_of(const struct store_instance *instance)
{
    return (struct store_id){.namespace_id = instance->service->name_space->id,
                             .service = instance->service->name,
                             .ip = instance->ip,
                             .cluster = instance->cluster,
                             .port = instance->port,
                             .persistent = !instance->ephemeral};
}

struct store_record store_record_of(const struct store_instance *instance)
{
    return (struct store_record){.id = id_of(instance),
                                 .metadata = &instance->metadata,
                                 .weight = instance->weight,
                                 .healthy = instance->healthy,
                                 .enabled = instance->enabled};
}

/* It lives: its times, or its probes, begin. */
static void touch(struct store *store, struct store_instance *instance, gint64 now)
{
    if (instance->ephemeral)
        health_touch(store, instance, now);
    else if (!instance->check)
        instance->check = check_new(store, instance, now);
}

static gboolean check_record(const struct store_record *record, GError **error)
{
    return check_weight(record->weight, error) && names_check_ip(record->id.ip, error) &&
           names_check_port(record->id.port, error) &&
           (!record->id.cluster || names_check_cluster(record->id.cluster, error));
}

static void end_if_empty(struct store *store, struct store_service *service, gint64 now)
{
    if (g_tree_nnodes(service->instances) == 0 && !service->created)
        timeline_set(store->empty, &service->emptied, now + store->empty_expire);
}

static gboolean register_new(struct store *store, const struct store_record *record, gint64 now,
                             struct store_change *change, GError **error)
{
    if (!check_record(record, error))
        return FALSE;
    if (store->instance_count >= STORE_MAX_INSTANCES) {
        g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_FULL,
                    "no room for more than %d instances", STORE_MAX_INSTANCES);
        return FALSE;
    }
    struct store_service *known = store_service(store, record->id.namespace_id, record->id.service);
    struct store_service *service =
        known ? known
              : store_add_service(store, record->id.namespace_id, record->id.service, error);
    if (!service)
        return FALSE;
    if (!keep(store, &record->id, record, record->healthy, error)) {
        if (!known)
            store_remove_service(store, service, NULL);
        return FALSE;
    }
    struct store_instance *instance = add_instance(store, service, record);
    touch(store, instance, now);
    *change = (struct store_change){STORE_REGISTERED, service, instance};
    return TRUE;
}

static void set_healthy(struct store_instance *instance, gboolean healthy,
                        struct store_change *change)
{
    instance->healthy = !!healthy;
    instance->service->checksum[0] = '\0';
    *change = (struct store_change){STORE_MODIFIED, instance->service, instance};
}

gboolean store_register(struct store *store, const struct store_record *record, gint64 now,
                        struct store_change *change, GError **error)
{
    struct store_id id = record->id;
    if (!id.cluster)
        id.cluster = NAMES_DEFAULT_CLUSTER;
    struct store_instance *instance = store_find(store, &id);
    *change = (struct store_change){0};
    if (!instance)
        return register_new(store, record, now, change, error);
    gboolean flips = instance->ephemeral && instance->healthy != !!record->healthy;
    if (!store_update(store, instance, record, change, error))
        return FALSE;
    if (flips)
        set_healthy(instance, record->healthy, change);
    touch(store, instance, now);
    return TRUE;
}

gboolean store_update(struct store *store, struct store_instance *instance,
                      const struct store_record *record, struct store_change *change,
                      GError **error)
{
    struct store_id id = id_of(instance);
    *change = (struct store_change){0};
    if (!check_weight(record->weight, error) || !keep(store, &id, record, instance->healthy, error))
        return FALSE;
    if (apply(instance, record))
        *change = (struct store_change){STORE_MODIFIED, instance->service, instance};
    /* The metadata may have brought shorter times. */
    touch(store, instance, instance->last_beat);
    return TRUE;
}

gboolean store_set_health(struct store *store, struct store_instance *instance, gboolean healthy,
                          struct store_change *change, GError **error)
{
    struct store_record record = store_record_of(instance);
    *change = (struct store_change){0};
    if (!keep(store, &record.id, &record, healthy, error))
        return FALSE;
    if (instance->healthy != !!healthy)
        set_healthy(instance, healthy, change);
    return TRUE;
}

gboolean store_deregister(struct store *store, struct store_instance *instance, gint64 now,
                          struct store_change *change, GError **error)
{
    struct store_service *service = instance->service;
    struct store_journal *journal = store->journal;
    struct store_id id = id_of(instance);
    guint missing = instance->missing;
    *change = (struct store_change){0};
    if (journal && id.persistent && !journal->remove_instance(journal, &id, error))
        return FALSE;
    *change = (struct store_change){STORE_DEREGISTERED, service, NULL};
    g_tree_remove(service->instances, instance);
    service->checksum[0] = '\0';
    store->instance_count--;
    store->persistent_count -= id.persistent;
    store->missing_count -= missing;
    end_if_empty(store, service, now);
    return TRUE;
}
