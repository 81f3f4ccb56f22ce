/* SPDX-License-Identifier: MIT */
#include "naming/registry/api.h"
#include "naming/registry/json_out.h"
#include "naming/registry/names.h"

#include <gio/gio.h>
#include <string.h>

#define NAMESPACE_SEPARATOR "##"

static void next_member(GString *out)
{
    if (!strchr("[{", out->str[out->len - 1]))
        g_string_append_c(out, ',');
}

static void add_names(GString *out, const struct store_namespace *name_space, const char *part)
{
    json_out_key(out, name_space->id);
    g_string_append_c(out, '[');
    for (GTreeNode *node = g_tree_node_first(name_space->services); node;
         node = g_tree_node_next(node)) {
        const char *name = names_service(g_tree_node_key(node));
        if (!strstr(name, part))
            continue;
        next_member(out);
        json_out_string(out, name, -1);
    }
    g_string_append_c(out, ']');
}

/* Names that contain `expr`, by namespace; 1.4.8's count is that of the namespaces. */
gboolean api_service_names(const struct api_call *call, GString *out, GError **error)
{
    const char *part = params_text(call->params, "expr", "");
    const char *only = params_get(call->params, "namespaceId");
    GHashTable *namespaces = call->registry->store->namespaces;
    g_autoptr(GList) ids = g_list_sort(g_hash_table_get_keys(namespaces), (GCompareFunc)g_strcmp0);
    gint count = 0;
    g_string_append(out, "{\"services\":{");
    for (GList *at = ids; at; at = at->next) {
        if (only && !g_str_equal(only, at->data))
            continue;
        add_names(out, g_hash_table_lookup(namespaces, at->data), part);
        count++;
    }
    g_string_append_c(out, '}');
    json_out_member_int(out, "count", count);
    g_string_append_c(out, '}');
    return TRUE;
}

/* key=[NAMESPACE##]GROUP@@SERVICE */
gboolean api_statuses(const struct api_call *call, GString *out, GError **error)
{
    const char *key = params_required(call->params, "key", error);
    const char *separator = key ? strstr(key, NAMESPACE_SEPARATOR) : NULL;
    const char *name = separator ? separator + strlen(NAMESPACE_SEPARATOR) : key;
    g_autofree char *name_space =
        separator ? g_strndup(key, separator - key) : g_strdup(NAMES_DEFAULT_NAMESPACE);
    if (!key)
        return FALSE;
    struct store_service *service = store_service(call->registry->store, name_space, name);
    if (!service) {
        g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_NACOS, "service: %s not found.", name);
        return FALSE;
    }
    g_string_append(out, "{\"ips\":[");
    for (GTreeNode *node = g_tree_node_first(service->instances); node;
         node = g_tree_node_next(node)) {
        const struct store_instance *instance = g_tree_node_value(node);
        g_autofree char *status = g_strdup_printf("%s:%d_%s", instance->ip, instance->port,
                                                  instance->healthy ? "true" : "false");
        next_member(out);
        json_out_string(out, status, -1);
    }
    g_string_append(out, "]}");
    return TRUE;
}

/* Those subscribed to services whose name and group contain the ones asked for. */
struct subscriber_search {
    const char *service;
    const char *group;
    struct api_page page;
    GString *out;
};

static void add_subscriber(const struct subscription_request *request, gpointer user_data)
{
    struct subscriber_search *search = user_data;
    g_autofree char *group = names_group(request->service);
    if (!strstr(group, search->group) ||
        !strstr(names_service(request->service), search->service) || !api_page_takes(&search->page))
        return;
    g_autoptr(GSocketAddress) native = g_socket_address_new_from_native(
        (gpointer)&request->address.sockaddr, request->address.length);
    g_autofree char *address = g_socket_connectable_to_string(G_SOCKET_CONNECTABLE(native));
    g_autofree char *ip =
        g_inet_address_to_string(g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(native)));
    next_member(search->out);
    g_string_append_c(search->out, '{');
    json_out_member(search->out, "addrStr", address);
    json_out_member(search->out, "agent", request->agent);
    json_out_member(search->out, "app", request->app);
    json_out_member(search->out, "ip", ip);
    json_out_member(search->out, "namespaceId", request->namespace_id);
    json_out_member(search->out, "serviceName", request->service);
    g_string_append_c(search->out, '}');
}

gboolean api_subscribers(const struct api_call *call, GString *out, GError **error)
{
    g_autofree char *name = api_service_name(call, error);
    struct subscriber_search search = {.page = {.number = 1, .size = 1000}, .out = out};
    if (!name || !params_int(call->params, "pageNo", &search.page.number, error) ||
        !params_int(call->params, "pageSize", &search.page.size, error))
        return FALSE;
    g_autofree char *group = names_group(name);
    search.service = names_service(name);
    search.group = group;
    search.page.number = MAX(search.page.number, 1);
    g_string_append(out, "{\"subscribers\":[");
    subscriptions_foreach(push_subscriptions(call->registry->push), api_namespace(call),
                          add_subscriber, &search);
    g_string_append_c(out, ']');
    json_out_member_int(out, "count", search.page.matching);
    g_string_append_c(out, '}');
    return TRUE;
}
