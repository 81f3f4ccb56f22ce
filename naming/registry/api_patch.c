/* SPDX-License-Identifier: MIT */
#include "naming/registry/api.h"
#include "naming/registry/json_in.h"
#include "naming/registry/json_out.h"
#include "naming/registry/names.h"

#include <string.h>

#define UNKNOWN_SITE "unknown" /* what 1.4.8 puts between the port and the cluster */

/* What is absent stays; metadata is replaced as a whole. It counts as a beat
 * (InstanceController.patch, 1.4.8). */
gboolean api_patch_instance(const struct api_call *call, GString *out, GError **error)
{
    const struct params *params = call->params;
    struct store_id id = {0};
    struct store_change change;
    g_auto(registry_metadata) metadata = {0};
    g_autofree char *service = api_service_name(call, error);
    if (!service || !api_read_id(call, &id, error))
        return FALSE;
    id.service = service;
    struct store_instance *instance = store_find_any(call->registry->store, &id);
    if (!instance) {
        g_set_error_literal(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT, "instance not found");
        return FALSE;
    }
    struct store_record record = store_record_of(instance);
    if (params_get(params, "metadata")) {
        if (!metadata_parse(params_get(params, "metadata"), &metadata, error))
            return FALSE;
        record.metadata = &metadata;
    }
    record.healthy = params_bool(params, "healthy", record.healthy);
    record.enabled = params_bool(params, "enabled", record.enabled);
    if (!params_double(params, "weight", &record.weight, error) ||
        !store_register(call->registry->store, &record, g_get_monotonic_time(), &change, error))
        return FALSE;
    registry_apply(call->registry, &change);
    g_string_append(out, "ok");
    return TRUE;
}

/* One call of metadata/batch. */
struct batch {
    struct registry *registry;
    const struct metadata *change;
    gboolean remove;
    GString *out;
};

/* Answers with the key of the instance: "IP:PORT:unknown:CLUSTER:ephemeral". One whose metadata
 * would become too long is not updated, so the answer leaves it out. */
static void change_metadata(const struct batch *batch, struct store_instance *instance)
{
    struct store_change change;
    struct store_record record = store_record_of(instance);
    g_auto(registry_metadata) merged = {0};
    if (!metadata_merge(&instance->metadata, batch->change, batch->remove, &merged, NULL))
        return;
    record.metadata = &merged;
    if (!store_update(batch->registry->store, instance, &record, &change, NULL))
        return;
    registry_apply(batch->registry, &change);
    g_autofree char *key =
        g_strdup_printf("%s:%d:" UNKNOWN_SITE ":%s:%s", instance->ip, instance->port,
                        instance->cluster, instance->ephemeral ? "ephemeral" : "persist");
    if (batch->out->str[batch->out->len - 1] == '"')
        g_string_append_c(batch->out, ',');
    json_out_string(batch->out, key, -1);
}

static void change_all(const struct batch *batch, const struct store_service *service,
                       gboolean ephemeral)
{
    for (GTreeNode *node = g_tree_node_first(service->instances); node;
         node = g_tree_node_next(node)) {
        struct store_instance *instance = g_tree_node_value(node);
        if (!instance->ephemeral == !ephemeral)
            change_metadata(batch, instance);
    }
}

/* One member of the instances parameter; those that are not there are passed over. */
static void change_named(const struct batch *batch, const struct store_service *service,
                         struct json_object *named)
{
    struct json_object *port;
    struct store_id id = {.namespace_id = service->name_space->id, .service = service->name};
    if (!json_object_is_type(named, json_type_object))
        return;
    id.ip = json_in_string(named, "ip", "");
    id.cluster = json_in_string(named, "clusterName", NULL);
    if (json_object_object_get_ex(named, "port", &port))
        id.port = json_object_get_int(port);
    id.persistent = !json_in_bool(named, "ephemeral", TRUE);
    struct store_instance *instance = store_find(batch->registry->store, &id);
    if (instance)
        change_metadata(batch, instance);
}

static gboolean run_batch(const struct api_call *call, struct batch *batch, const char *name,
                          GError **error)
{
    const char *instances = params_get(call->params, "instances");
    const char *kind = params_text(call->params, "consistencyType", "");
    struct store_service *service = store_service(call->registry->store, api_namespace(call), name);
    if (!service) {
        g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_NACOS,
                    "service not found, namespace: %s, service: %s", api_namespace(call), name);
        return FALSE;
    }
    g_autoptr(json_object) list = instances ? json_in_parse(instances, strlen(instances)) : NULL;
    if (instances && !json_object_is_type(list, json_type_array)) {
        g_set_error_literal(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT,
                            "Param 'instances' is illegal, it should be a JSON array");
        return FALSE;
    }
    g_string_append(batch->out, "{\"updated\":[");
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        change_named(batch, service, json_object_array_get_idx(list, i));
    if (!list && (g_str_equal(kind, "ephemeral") || g_str_equal(kind, "persist")))
        change_all(batch, service, g_str_equal(kind, "ephemeral"));
    g_string_append(batch->out, "]}");
    return TRUE;
}

static gboolean change_batch(const struct api_call *call, gboolean remove, GString *out,
                             GError **error)
{
    g_auto(registry_metadata) metadata = {0};
    struct batch batch = {call->registry, &metadata, remove, out};
    g_autofree char *name = api_service_name(call, error);
    const char *text = name ? params_required(call->params, "metadata", error) : NULL;
    return text && metadata_parse(text, &metadata, error) && run_batch(call, &batch, name, error);
}

gboolean api_merge_metadata(const struct api_call *call, GString *out, GError **error)
{
    return change_batch(call, FALSE, out, error);
}

gboolean api_remove_metadata(const struct api_call *call, GString *out, GError **error)
{
    return change_batch(call, TRUE, out, error);
}
