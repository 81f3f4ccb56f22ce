/* SPDX-License-Identifier: MIT */
#include "naming/registry/catalog_json.h"

#include "naming/registry/json_out.h"
#include "naming/registry/names.h"
#include "naming/registry/service_json.h"

/* Opens the next member of an array. */
static void next_object(GString *out)
{
    g_string_append(out, out->len && out->str[out->len - 1] == '}' ? ",{" : "{");
}

static void add_cluster(GString *out, const struct store_service *service, const char *cluster)
{
    const struct store_cluster *settings = store_cluster(service, cluster);
    next_object(out);
    json_out_member(out, "serviceName", service->name);
    json_out_member(out, "name", cluster);
    service_json_checker(out, settings);
    json_out_member_int(out, "defaultPort", 80);
    json_out_member_int(out, "defaultCheckPort", settings->check_port);
    json_out_member_bool(out, "useIPPort4Check", settings->use_instance_port);
    json_out_member_raw(out, "metadata", settings->metadata.json);
    g_string_append_c(out, '}');
}

void catalog_json_service(GString *out, const struct store_service *service)
{
    g_autofree char *group = names_group(service->name);
    g_autoptr(GPtrArray) clusters = service_json_clusters(service);
    g_string_append(out, "{\"service\":{");
    json_out_member(out, "name", names_service(service->name));
    json_out_member(out, "groupName", group);
    json_out_member_double(out, "protectThreshold", service->protect_threshold);
    json_out_member_raw(out, "selector", "{\"type\":\"none\"}");
    json_out_member_raw(out, "metadata", service->metadata.json);
    g_string_append(out, "},\"clusters\":[");
    for (guint i = 0; i < clusters->len; i++)
        add_cluster(out, service, g_ptr_array_index(clusters, i));
    g_string_append(out, "]}");
}

void catalog_json_instance(GString *out, const struct store_instance *instance, gint64 now,
                           gint64 wall_ms)
{
    const struct metadata *metadata = &instance->metadata;
    guint32 interval = metadata->beat_interval_ms;
    next_object(out);
    service_json_instance_id(out, instance);
    json_out_member(out, "ip", instance->ip);
    json_out_member_int(out, "port", instance->port);
    json_out_member_double(out, "weight", instance->weight);
    json_out_member_bool(out, "healthy", instance->healthy);
    json_out_member_bool(out, "enabled", instance->enabled);
    json_out_member_bool(out, "ephemeral", instance->ephemeral);
    json_out_member(out, "clusterName", instance->cluster);
    json_out_member(out, "serviceName", instance->service->name);
    json_out_member_raw(out, "metadata", metadata->json);
    json_out_member_int(out, "lastBeat", wall_ms - (now - instance->last_beat) / 1000);
    json_out_member_bool(out, "marked", FALSE);
    json_out_member_int(out, "instanceHeartBeatInterval",
                        interval ? interval : METADATA_DEFAULT_BEAT_INTERVAL_MS);
    json_out_member_int(out, "instanceHeartBeatTimeOut", metadata->beat_timeout_ms);
    json_out_member_int(out, "ipDeleteTimeout", metadata->delete_timeout_ms);
    json_out_member(out, "instanceIdGenerator", "simple");
    g_string_append_c(out, '}');
}

static void add_host(GString *out, const struct store_instance *instance)
{
    next_object(out);
    json_out_member_bool(out, "valid", instance->healthy);
    json_out_member_raw(out, "metadata", instance->metadata.json);
    json_out_member_int(out, "port", instance->port);
    json_out_member(out, "ip", instance->ip);
    json_out_member_double(out, "weight", instance->weight);
    json_out_member_bool(out, "enabled", instance->enabled);
    g_string_append_c(out, '}');
}

static void add_cluster_hosts(GString *out, const struct store_service *service,
                              const char *cluster)
{
    json_out_key(out, cluster);
    g_string_append(out, "{\"hosts\":[");
    for (GTreeNode *node = g_tree_node_first(service->instances); node;
         node = g_tree_node_next(node)) {
        const struct store_instance *instance = g_tree_node_value(node);
        if (g_str_equal(instance->cluster, cluster))
            add_host(out, instance);
    }
    g_string_append(out, "]}");
}

void catalog_json_with_instances(GString *out, const struct store_service *service)
{
    g_autofree char *group = names_group(service->name);
    g_autoptr(GPtrArray) clusters = service_json_clusters(service);
    next_object(out);
    json_out_member(out, "serviceName", names_service(service->name));
    json_out_member(out, "groupName", group);
    json_out_member_raw(out, "clusterMap", "{");
    for (guint i = 0; i < clusters->len; i++)
        add_cluster_hosts(out, service, g_ptr_array_index(clusters, i));
    g_string_append_c(out, '}');
    json_out_member_raw(out, "metadata", service->metadata.json);
    g_string_append_c(out, '}');
}
