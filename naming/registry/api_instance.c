/* SPDX-License-Identifier: MIT */
#include "naming/registry/api.h"
#include "naming/registry/names.h"

/* A record as the parameters describe it, and what of it is owned. */
struct instance_form {
    struct store_record record;
    char *service;
    struct metadata metadata;
};

static void instance_form_clear(struct instance_form *form)
{
    g_free(form->service);
    metadata_clear(&form->metadata);
}

typedef struct instance_form instance_form;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(instance_form, instance_form_clear)

static gboolean read_form(const struct api_call *call, struct instance_form *form, GError **error)
{
    const struct params *params = call->params;
    struct store_record *record = &form->record;
    form->service = api_service_name(call, error);
    if (!form->service || !api_read_id(call, &record->id, error))
        return FALSE;
    record->id.service = form->service;
    record->weight = 1;
    record->healthy = params_bool(params, "healthy", TRUE);
    record->enabled = params_bool(params, "enabled", params_bool(params, "enable", TRUE));
    if (!params_double(params, "weight", &record->weight, error))
        return FALSE;
    record->metadata = &form->metadata;
    return metadata_parse(params_get(params, "metadata"), &form->metadata, error);
}

static gboolean answer_ok(GString *out)
{
    g_string_append(out, "ok");
    return TRUE;
}

static gboolean register_record(const struct api_call *call, const struct store_record *record,
                                GError **error)
{
    struct registry *registry = call->registry;
    struct store_change change;
    if (!store_register(registry->store, record, g_get_monotonic_time(), &change, error))
        return FALSE;
    registry_apply(registry, &change);
    return TRUE;
}

gboolean api_register_instance(const struct api_call *call, GString *out, GError **error)
{
    g_auto(instance_form) form = {0};
    return read_form(call, &form, error) && register_record(call, &form.record, error) &&
           answer_ok(out);
}

gboolean api_update_instance(const struct api_call *call, GString *out, GError **error)
{
    g_auto(instance_form) form = {0};
    struct store *store = call->registry->store;
    struct store_change change;
    if (!read_form(call, &form, error))
        return FALSE;
    struct store_instance *instance = store_find(store, &form.record.id);
    if (!instance && !api_is_java_client(call))
        return register_record(call, &form.record, error) && answer_ok(out);
    if (!instance) {
        g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_NACOS, "instance not exist: %s:%d",
                    form.record.id.ip, form.record.id.port);
        return FALSE;
    }
    if (!store_update(store, instance, &form.record, &change, error))
        return FALSE;
    registry_apply(call->registry, &change);
    return answer_ok(out);
}

gboolean api_deregister_instance(const struct api_call *call, GString *out, GError **error)
{
    struct store_id id = {0};
    struct store_change change;
    g_autofree char *service = api_service_name(call, error);
    if (!service || !api_read_id(call, &id, error))
        return FALSE;
    id.service = service;
    struct store_instance *instance = store_find(call->registry->store, &id);
    if (!instance)
        return answer_ok(out);
    if (!store_deregister(call->registry->store, instance, g_get_monotonic_time(), &change, error))
        return FALSE;
    registry_apply(call->registry, &change);
    return answer_ok(out);
}

static gboolean not_found(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean not_found(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, REGISTRY_ERROR, REGISTRY_ERROR_NACOS, text);
    return FALSE;
}

static gboolean has_cluster(const struct store_service *service, const char *cluster)
{
    for (GTreeNode *node = g_tree_node_first(service->instances); node;
         node = g_tree_node_next(node)) {
        const struct store_instance *instance = g_tree_node_value(node);
        if (g_str_equal(instance->cluster, cluster))
            return TRUE;
    }
    return FALSE;
}

gboolean api_instance(const struct api_call *call, GString *out, GError **error)
{
    struct store_id id = {0};
    g_autofree char *name = api_service_name(call, error);
    if (!name || !api_read_id(call, &id, error))
        return FALSE;
    id.service = name;
    if (!id.cluster)
        id.cluster = NAMES_DEFAULT_CLUSTER;
    struct store_service *service = store_service(call->registry->store, id.namespace_id, name);
    if (!service)
        return not_found(error, "no service %s found!", name);
    struct store_instance *instance = store_find_any(call->registry->store, &id);
    if (instance)
        service_json_instance(out, instance);
    else if (!has_cluster(service, id.cluster))
        return not_found(error, "no ips found for cluster %s in service %s", id.cluster, name);
    else
        return not_found(error, "no matched ip found!");
    return TRUE;
}

/* Where pushes go: to who asks, at udpPort; *port 0 = nowhere. clientIP is not believed: it would
 * aim datagrams at anybody. */
static gboolean read_subscriber(const struct api_call *call, struct subscription_request *request,
                                gint *port, GError **error)
{
    *port = 0;
    if (!params_int(call->params, "udpPort", port, error))
        return FALSE;
    if (*port <= 0 || *port > NAMES_MAX_PORT)
        *port = 0;
    else if (!subscriber_address_set(&request->address, call->peer, *port))
        *port = 0;
    return TRUE;
}

gboolean api_list(const struct api_call *call, GString *out, GError **error)
{
    gint port;
    g_autofree char *service = api_service_name(call, error);
    struct subscription_request request = {
        .namespace_id = api_namespace(call),
        .service = service,
        .clusters = params_text(call->params, "clusters", ""),
        .agent = call->user_agent,
        .app = params_text(call->params, "app", "unknown"),
        .grouped = api_is_java_client(call),
    };
    if (!service || !names_check_namespace(request.namespace_id, error) ||
        !read_subscriber(call, &request, &port, error))
        return FALSE;
    if (api_is_true(call, "isCheck")) {
        g_string_append(out, "{}");
        return TRUE;
    }
    gboolean subscribed =
        port && call->registry->switches.push && push_subscribe(call->registry->push, &request);
    struct service_view view = {
        .service = service,
        .clusters = request.clusters,
        .env = params_text(call->params, "env", ""),
        .healthy_only = api_is_true(call, "healthyOnly"),
        .grouped = request.grouped,
        .cache_millis = subscribed ? SERVICE_JSON_PUSH_CACHE_MILLIS : SERVICE_JSON_CACHE_MILLIS,
    };
    registry_list(call->registry, request.namespace_id, &view, out);
    return TRUE;
}
