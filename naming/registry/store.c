/* SPDX-License-Identifier: MIT */
#include "naming/registry/store.h"

#include "naming/registry/names.h"
#include "naming/registry/store_private.h"

#include <string.h>

static int compare_names(gconstpointer a, gconstpointer b, gpointer user_data)
{
    return strcmp(a, b);
}

static void service_free(gpointer data)
{
    struct store_service *service = data;
    timeline_clear(&service->emptied);
    g_tree_unref(service->instances);
    g_clear_pointer(&service->clusters, g_tree_unref);
    metadata_clear(&service->metadata);
    g_free(service->name);
    g_free(service);
}

static void namespace_free(gpointer data)
{
    struct store_namespace *name_space = data;
    g_tree_unref(name_space->services);
    g_ref_string_release(name_space->id);
    g_free(name_space);
}

struct store *store_new(gint64 empty_expire)
{
    struct store *store = g_new0(struct store, 1);
    store->namespaces = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, namespace_free);
    store->deadlines = timeline_new();
    store->checks = timeline_new();
    store->empty = timeline_new();
    store->empty_expire = empty_expire;
    return store;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    g_hash_table_unref(store->namespaces);
    g_sequence_free(store->deadlines);
    g_sequence_free(store->checks);
    g_sequence_free(store->empty);
    g_free(store);
}

struct store_namespace *store_namespace(const struct store *store, const char *namespace_id)
{
    return g_hash_table_lookup(store->namespaces, namespace_id);
}

struct store_service *store_service(const struct store *store, const char *namespace_id,
                                    const char *service)
{
    struct store_namespace *name_space = store_namespace(store, namespace_id);
    return name_space ? g_tree_lookup(name_space->services, service) : NULL;
}

static struct store_namespace *add_namespace(struct store *store, const char *namespace_id)
{
    struct store_namespace *name_space = store_namespace(store, namespace_id);
    if (name_space)
        return name_space;
    name_space = g_new0(struct store_namespace, 1);
    name_space->id = g_ref_string_new_intern(namespace_id);
    name_space->services = g_tree_new_full(compare_names, NULL, NULL, service_free);
    g_hash_table_insert(store->namespaces, name_space->id, name_space);
    return name_space;
}

struct store_service *store_add_service(struct store *store, const char *namespace_id,
                                        const char *name, GError **error)
{
    if (!names_check_namespace(namespace_id, error) || !names_check_service(name, error))
        return NULL;
    if (store->service_count >= STORE_MAX_SERVICES) {
        g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_FULL, "no room for more than %d services",
                    STORE_MAX_SERVICES);
        return NULL;
    }
    struct store_service *service = g_new0(struct store_service, 1);
    service->name_space = add_namespace(store, namespace_id);
    service->name = g_strdup(name);
    service->emptied.owner = service;
    service->instances = store_instances_new();
    service->last_ref_time = store->ref_time_floor;
    metadata_parse(NULL, &service->metadata, NULL);
    g_tree_insert(service->name_space->services, service->name, service);
    store->service_count++;
    return service;
}

static gboolean check_threshold(double threshold, GError **error)
{
    if (threshold >= 0 && threshold <= 1)
        return TRUE;
    g_set_error_literal(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT,
                        "Param 'protectThreshold' is illegal, the value should be between 0 and 1");
    return FALSE;
}

void store_keep_service(struct store_service *service)
{
    service->created = TRUE;
    timeline_clear(&service->emptied);
}

static gboolean put_service(struct store *store, const struct store_service_record *record,
                            GError **error)
{
    struct store_journal *journal = store->journal;
    return check_threshold(record->protect_threshold, error) &&
           (!journal || journal->put_service(journal, record, error));
}

static void apply(struct store_service *service, const struct store_service_record *record)
{
    service->protect_threshold = record->protect_threshold;
    metadata_assign(&service->metadata, record->metadata);
    service->checksum[0] = '\0';
    store_keep_service(service);
}

gboolean store_create_service(struct store *store, const struct store_service_record *record,
                              GError **error)
{
    if (store_service(store, record->namespace_id, record->service)) {
        g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT,
                    "specified service already exists, serviceName : %s", record->service);
        return FALSE;
    }
    if (!check_threshold(record->protect_threshold, error))
        return FALSE;
    struct store_service *service =
        store_add_service(store, record->namespace_id, record->service, error);
    if (!service)
        return FALSE;
    gboolean kept = put_service(store, record, error);
    if (kept)
        apply(service, record);
    else
        store_remove_service(store, service, NULL);
    return kept;
}

gboolean store_update_service(struct store *store, struct store_service *service,
                              const struct store_service_record *record, GError **error)
{
    if (!put_service(store, record, error))
        return FALSE;
    apply(service, record);
    return TRUE;
}

/* What of a service is counted in the store. */
struct counts {
    guint persistent;
    guint missing;
};

static gboolean count(gpointer key, gpointer value, gpointer data)
{
    const struct store_instance *instance = value;
    struct counts *counts = data;
    counts->persistent += !instance->ephemeral;
    counts->missing += instance->missing;
    return FALSE;
}

gboolean store_remove_service(struct store *store, struct store_service *service, GError **error)
{
    struct store_namespace *name_space = service->name_space;
    struct store_journal *journal = store->journal;
    struct counts counts = {0};
    g_tree_foreach(service->instances, count, &counts);
    if (journal && (service->created || counts.persistent) &&
        !journal->remove_service(journal, name_space->id, service->name, error))
        return FALSE;
    store->ref_time_floor = MAX(store->ref_time_floor, service->last_ref_time);
    store->instance_count -= g_tree_nnodes(service->instances);
    store->persistent_count -= counts.persistent;
    store->missing_count -= counts.missing;
    store->service_count--;
    g_tree_remove(name_space->services, service->name);
    if (g_tree_nnodes(name_space->services) == 0)
        g_hash_table_remove(store->namespaces, name_space->id);
    return TRUE;
}

gint64 store_ref_time(struct store *store, struct store_service *service, gint64 wall_ms)
{
    gint64 *last = service ? &service->last_ref_time : &store->ref_time_floor;
    return *last = MAX(wall_ms, *last + 1);
}

static gboolean checksum_add(gpointer key, gpointer value, gpointer data)
{
    const struct store_instance *instance = value;
    char weight[G_ASCII_DTOSTR_BUF_SIZE];
    g_autofree char *text =
        g_strdup_printf("%s:%d_%s_%d_%d_%s_%s,", instance->ip, instance->port,
                        g_ascii_dtostr(weight, sizeof(weight), instance->weight), instance->healthy,
                        instance->enabled, instance->cluster, instance->metadata.json);
    g_checksum_update(data, (const guchar *)text, -1);
    return FALSE;
}

const char *store_checksum(struct store_service *service)
{
    if (service->checksum[0])
        return service->checksum;
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_MD5);
    g_checksum_update(sum, (const guchar *)service->name, -1);
    g_checksum_update(sum, (const guchar *)service->metadata.json, -1);
    g_tree_foreach(service->instances, checksum_add, sum);
    g_strlcpy(service->checksum, g_checksum_get_string(sum), sizeof(service->checksum));
    return service->checksum;
}
