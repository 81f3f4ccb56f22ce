/* SPDX-License-Identifier: MIT */
#include "naming/registry/check.h"
#include "naming/registry/names.h"
#include "naming/registry/store_private.h"

#include <string.h>

static int compare_names(gconstpointer a, gconstpointer b, gpointer user_data)
{
    return strcmp(a, b);
}

static void cluster_free(gpointer data)
{
    struct store_cluster *cluster = data;
    g_ref_string_release(cluster->name);
    checker_clear(&cluster->checker);
    metadata_clear(&cluster->metadata);
    g_free(cluster);
}

const struct store_cluster *store_cluster(const struct store_service *service, const char *name)
{
    static const struct store_cluster defaults = {
        .metadata = {.json = (char *)"{}"}, .check_port = 80, .use_instance_port = TRUE};
    const struct store_cluster *found =
        service->clusters ? g_tree_lookup(service->clusters, name) : NULL;
    return found ? found : &defaults;
}

static struct store_cluster *add_cluster(struct store_service *service, const char *name)
{
    if (!service->clusters)
        service->clusters = g_tree_new_full(compare_names, NULL, NULL, cluster_free);
    struct store_cluster *cluster = g_tree_lookup(service->clusters, name);
    if (cluster)
        return cluster;
    cluster = g_new0(struct store_cluster, 1);
    cluster->name = g_ref_string_new_intern(name);
    g_tree_insert(service->clusters, cluster->name, cluster);
    return cluster;
}

static void restart_checks(struct store *store, struct store_service *service, const char *cluster,
                           gint64 now)
{
    for (GTreeNode *node = g_tree_node_first(service->instances); node;
         node = g_tree_node_next(node)) {
        struct store_instance *instance = g_tree_node_value(node);
        if (instance->check && g_str_equal(instance->cluster, cluster))
            check_restart(store, instance->check, now);
    }
}

static gboolean has_room(const struct store_service *service, const char *cluster, GError **error)
{
    if (!service->clusters || g_tree_lookup(service->clusters, cluster) ||
        g_tree_nnodes(service->clusters) < STORE_MAX_CLUSTERS)
        return TRUE;
    g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_FULL,
                "no room for more than %d clusters of a service", STORE_MAX_CLUSTERS);
    return FALSE;
}

/* A cluster is on disk with its service. */
static gboolean keep(struct store *store, const struct store_service *service,
                     const struct store_cluster_record *record, GError **error)
{
    struct store_journal *journal = store->journal;
    struct store_service_record home = {.namespace_id = record->namespace_id,
                                        .service = record->service,
                                        .metadata = &service->metadata,
                                        .protect_threshold = service->protect_threshold};
    return !journal || ((service->created || journal->put_service(journal, &home, error)) &&
                        journal->put_cluster(journal, record, error));
}

gboolean store_update_cluster(struct store *store, const struct store_cluster_record *record,
                              gint64 now, GError **error)
{
    struct store_service *service = store_service(store, record->namespace_id, record->service);
    if (!service) {
        g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_NACOS, "service not found:%s",
                    record->service);
        return FALSE;
    }
    if (!names_check_cluster(record->cluster, error) ||
        !names_check_port(record->check_port, error) ||
        !has_room(service, record->cluster, error) || !keep(store, service, record, error))
        return FALSE;
    struct store_cluster *cluster = add_cluster(service, record->cluster);
    checker_assign(&cluster->checker, record->checker);
    metadata_assign(&cluster->metadata, record->metadata);
    cluster->check_port = record->check_port;
    cluster->use_instance_port = record->use_instance_port;
    store_keep_service(service);
    restart_checks(store, service, cluster->name, now);
    return TRUE;
}
