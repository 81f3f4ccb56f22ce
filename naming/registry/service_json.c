/* SPDX-License-Identifier: MIT */
#include "naming/registry/service_json.h"

#include "naming/registry/json_out.h"
#include "naming/registry/names.h"

/* One walk over the instances of a service. */
struct walk {
    const struct service_view *view;
    GString *out;
    GHashTable *clusters; /* a set of names; NULL = all */
    guint total;          /* of the clusters asked for, disabled ones, too */
    guint healthy;
    gboolean protect; /* too few are healthy: all count as healthy */
};

/* What is left of the walk's clusters; a set of the parts of `text`, which it keeps in `parts`. */
static GHashTable *cluster_set(const char *text, char ***parts)
{
    *parts = g_strsplit(text, ",", -1);
    GHashTable *set = g_hash_table_new(g_str_hash, g_str_equal);
    for (char **part = *parts; *part; part++)
        if (*g_strstrip(*part))
            g_hash_table_add(set, *part);
    if (g_hash_table_size(set) == 0)
        g_clear_pointer(&set, g_hash_table_unref);
    return set;
}

static gboolean asked_for(const struct walk *walk, const struct store_instance *instance)
{
    return !walk->clusters || g_hash_table_contains(walk->clusters, instance->cluster);
}

static gboolean count_instance(gpointer key, gpointer value, gpointer data)
{
    const struct store_instance *instance = value;
    struct walk *walk = data;
    if (asked_for(walk, instance)) {
        walk->total++;
        walk->healthy += instance->healthy;
    }
    return FALSE;
}

void service_json_instance_id(GString *out, const struct store_instance *instance)
{
    g_autofree char *id = g_strdup_printf("%s#%d#%s#%s", instance->ip, instance->port,
                                          instance->cluster, instance->service->name);
    json_out_member(out, "instanceId", id);
}

static void add_host(const struct walk *walk, const struct store_instance *instance)
{
    GString *out = walk->out;
    const char *service = instance->service->name;
    gboolean healthy = instance->healthy || walk->protect;
    g_string_append(out, out->len && out->str[out->len - 1] == '}' ? ",{" : "{");
    json_out_member(out, "ip", instance->ip);
    json_out_member_int(out, "port", instance->port);
    json_out_member_bool(out, "valid", healthy);
    json_out_member_bool(out, "healthy", healthy);
    json_out_member_bool(out, "marked", FALSE);
    service_json_instance_id(out, instance);
    json_out_member_raw(out, "metadata", instance->metadata.json);
    json_out_member_bool(out, "enabled", instance->enabled);
    json_out_member_double(out, "weight", instance->weight);
    json_out_member(out, "clusterName", instance->cluster);
    json_out_member(out, "serviceName", walk->view->grouped ? service : names_service(service));
    json_out_member_bool(out, "ephemeral", instance->ephemeral);
    g_string_append_c(out, '}');
}

static gboolean list_instance(gpointer key, gpointer value, gpointer data)
{
    const struct store_instance *instance = value;
    const struct walk *walk = data;
    gboolean shown = instance->healthy || walk->protect || !walk->view->healthy_only;
    if (instance->enabled && shown && asked_for(walk, instance))
        add_host(walk, instance);
    return FALSE;
}

static GString *list_hosts(struct store_service *service, const struct service_view *view)
{
    g_auto(GStrv) parts = NULL;
    g_autoptr(GHashTable) clusters = cluster_set(view->clusters, &parts);
    struct walk walk = {.view = view, .out = g_string_new(NULL), .clusters = clusters};
    if (!service)
        return walk.out;
    if (service->protect_threshold > 0) {
        g_tree_foreach(service->instances, count_instance, &walk);
        walk.protect =
            walk.total && (double)walk.healthy / walk.total <= service->protect_threshold;
    }
    g_tree_foreach(service->instances, list_instance, &walk);
    return walk.out;
}

static void add_names(GString *out, const struct service_view *view)
{
    g_autofree char *group = names_group(view->service);
    json_out_member(out, "name", view->service);
    json_out_member(out, "groupName", group);
}

static void unknown_service(GString *out, const struct service_view *view)
{
    g_string_append_c(out, '{');
    add_names(out, view);
    json_out_member(out, "clusters", view->clusters);
    json_out_member_int(out, "cacheMillis", view->cache_millis);
    json_out_member_int(out, "lastRefTime", view->ref_time);
    json_out_member_raw(out, "hosts", "[]}");
}

static void add_hosts(GString *out, const GString *hosts)
{
    json_out_key(out, "hosts");
    g_string_append_c(out, '[');
    g_string_append_len(out, hosts->str, hosts->len);
    g_string_append_c(out, ']');
}

void service_json_list(GString *out, struct store_service *service, const struct service_view *view)
{
    if (!service) {
        unknown_service(out, view);
        return;
    }
    g_autoptr(GString) hosts = list_hosts(service, view);
    g_string_append_c(out, '{');
    if (hosts->len)
        add_hosts(out, hosts);
    json_out_member(out, "dom", view->grouped ? view->service : names_service(view->service));
    add_names(out, view);
    json_out_member_int(out, "cacheMillis", view->cache_millis);
    json_out_member_int(out, "lastRefTime", view->ref_time);
    json_out_member(out, "checksum", store_checksum(service));
    json_out_member_bool(out, "useSpecifiedURL", FALSE);
    json_out_member(out, "clusters", view->clusters);
    json_out_member(out, "env", view->env);
    if (!hosts->len)
        add_hosts(out, hosts);
    json_out_member_raw(out, "metadata", service->metadata.json);
    g_string_append_c(out, '}');
}

void service_json_instance(GString *out, const struct store_instance *instance)
{
    g_string_append_c(out, '{');
    json_out_member(out, "service", instance->service->name);
    json_out_member(out, "ip", instance->ip);
    json_out_member_int(out, "port", instance->port);
    json_out_member(out, "clusterName", instance->cluster);
    json_out_member_double(out, "weight", instance->weight);
    json_out_member_bool(out, "healthy", instance->healthy);
    service_json_instance_id(out, instance);
    json_out_member_raw(out, "metadata", instance->metadata.json);
    g_string_append_c(out, '}');
}

GPtrArray *service_json_clusters(const struct store_service *service)
{
    g_autoptr(GHashTable) set = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *names = g_ptr_array_new();
    for (GTreeNode *node = g_tree_node_first(service->instances); node;
         node = g_tree_node_next(node)) {
        struct store_instance *instance = g_tree_node_value(node);
        if (g_hash_table_add(set, instance->cluster))
            g_ptr_array_add(names, instance->cluster);
    }
    for (GTreeNode *node = service->clusters ? g_tree_node_first(service->clusters) : NULL; node;
         node = g_tree_node_next(node))
        if (g_hash_table_add(set, g_tree_node_key(node)))
            g_ptr_array_add(names, g_tree_node_key(node));
    return names;
}

void service_json_checker(GString *out, const struct store_cluster *cluster)
{
    json_out_key(out, "healthChecker");
    checker_write(out, &cluster->checker, FALSE);
}

static void add_cluster(GString *out, const struct store_service *service, const char *name)
{
    const struct store_cluster *cluster = store_cluster(service, name);
    g_string_append(out, out->str[out->len - 1] == '}' ? ",{" : "{");
    json_out_member(out, "name", name);
    service_json_checker(out, cluster);
    json_out_member_raw(out, "metadata", cluster->metadata.json);
    g_string_append_c(out, '}');
}

void service_json_service(GString *out, const struct store_service *service)
{
    g_autofree char *group = names_group(service->name);
    g_autoptr(GPtrArray) clusters = service_json_clusters(service);
    g_string_append_c(out, '{');
    json_out_member(out, "name", names_service(service->name));
    json_out_member(out, "namespaceId", service->name_space->id);
    json_out_member_double(out, "protectThreshold", service->protect_threshold);
    json_out_member_raw(out, "metadata", service->metadata.json);
    json_out_member_raw(out, "selector", "{\"type\":\"none\"}");
    json_out_member(out, "groupName", group);
    json_out_member_raw(out, "clusters", "[");
    for (guint i = 0; i < clusters->len; i++)
        add_cluster(out, service, g_ptr_array_index(clusters, i));
    g_string_append(out, "]}");
}

void service_json_catalog(GString *out, const struct store_service *service)
{
    static const struct service_view all = {.clusters = ""};
    struct walk walk = {.view = &all};
    g_autofree char *group = names_group(service->name);
    g_autoptr(GPtrArray) clusters = service_json_clusters(service);
    g_tree_foreach(service->instances, count_instance, &walk);
    gboolean triggered = service->protect_threshold > 0 && walk.total &&
                         (double)walk.healthy / walk.total <= service->protect_threshold;
    g_string_append_c(out, '{');
    json_out_member(out, "name", names_service(service->name));
    json_out_member(out, "groupName", group);
    json_out_member_int(out, "clusterCount", clusters->len);
    json_out_member_int(out, "ipCount", walk.total);
    json_out_member_int(out, "healthyInstanceCount", walk.healthy);
    json_out_member(out, "triggerFlag", triggered ? "true" : "false");
    g_string_append_c(out, '}');
}
