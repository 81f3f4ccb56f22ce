/* SPDX-License-Identifier: MIT */
#include "naming/registry/api.h"
#include "naming/registry/catalog_json.h"
#include "naming/registry/json_out.h"
#include "naming/registry/label_selector.h"
#include "naming/registry/names.h"

#include <string.h>

/* The first service of the namespace, in the order of names; NULL = none. */
static GTreeNode *first_service(const struct api_call *call)
{
    struct store_namespace *name_space =
        store_namespace(call->registry->store, api_namespace(call));
    return name_space ? g_tree_node_first(name_space->services) : NULL;
}

/* groupName=* means all groups, with names in full (ServiceManager.getAllServiceNameList, 1.4.8).
 */
gboolean api_service_list(const struct api_call *call, GString *out, GError **error)
{
    struct api_page page;
    const char *group = params_text(call->params, "groupName", NAMES_DEFAULT_GROUP);
    gboolean all = g_str_equal(group, "*");
    g_autofree char *prefix = g_strconcat(group, NAMES_SEPARATOR, NULL);
    g_auto(label_selector) selector = {0};
    if (!api_page_read(call, &page, error) ||
        !label_selector_parse(params_get(call->params, "selector"), &selector, error))
        return FALSE;
    g_string_append(out, "{\"doms\":[");
    for (GTreeNode *node = first_service(call); node; node = g_tree_node_next(node)) {
        const char *name = g_tree_node_key(node);
        if ((!all && !g_str_has_prefix(name, prefix)) ||
            !label_selector_takes(&selector, g_tree_node_value(node)) || !api_page_takes(&page))
            continue;
        if (out->str[out->len - 1] == '"')
            g_string_append_c(out, ',');
        json_out_string(out, all ? name : names_service(name), -1);
    }
    g_string_append_c(out, ']');
    json_out_member_int(out, "count", page.matching);
    g_string_append_c(out, '}');
    return TRUE;
}

/* What catalog/services lets through: names contain the text ("" = all). */
struct filter {
    const char *service;
    const char *group;
    const char *instance; /* IP or IP:PORT of one that it has; NULL = any */
    gboolean with_instances_only;
};

static gboolean has_instance(const struct store_service *service, const char *address)
{
    for (GTreeNode *node = g_tree_node_first(service->instances); node;
         node = g_tree_node_next(node)) {
        const struct store_instance *instance = g_tree_node_value(node);
        g_autofree char *full = g_strdup_printf("%s:%d", instance->ip, instance->port);
        if (g_str_equal(address, full) || g_str_equal(address, instance->ip))
            return TRUE;
    }
    return FALSE;
}

static gboolean matches(const struct filter *filter, const struct store_service *service)
{
    g_autofree char *group = names_group(service->name);
    if (filter->with_instances_only && g_tree_nnodes(service->instances) == 0)
        return FALSE;
    return strstr(names_service(service->name), filter->service) && strstr(group, filter->group) &&
           (!filter->instance || has_instance(service, filter->instance));
}

static struct filter read_filter(const struct api_call *call)
{
    return (struct filter){
        .service = params_text(call->params, "serviceNameParam", ""),
        .group = params_text(call->params, "groupNameParam", ""),
        .instance = params_get(call->params, "instance"),
        .with_instances_only = api_is_true(call, "hasIpCount"),
    };
}

/* A bare array. 1.4.8 counts the pages of this variant from 0. */
static gboolean services_with_instances(const struct api_call *call, struct api_page *page,
                                        GString *out, GError **error)
{
    struct filter filter = read_filter(call);
    gint number = 0;
    if (!params_int(call->params, "pageNo", &number, error))
        return FALSE;
    page->number = CLAMP(number, 0, G_MAXINT - 1) + 1;
    g_string_append_c(out, '[');
    for (GTreeNode *node = first_service(call); node; node = g_tree_node_next(node)) {
        const struct store_service *service = g_tree_node_value(node);
        if (matches(&filter, service) && api_page_takes(page))
            catalog_json_with_instances(out, service);
    }
    g_string_append_c(out, ']');
    return TRUE;
}

gboolean api_catalog_services(const struct api_call *call, GString *out, GError **error)
{
    struct api_page page;
    struct filter filter = read_filter(call);
    if (!api_page_read(call, &page, error))
        return FALSE;
    if (api_is_true(call, "withInstances"))
        return services_with_instances(call, &page, out, error);
    g_string_append(out, "{\"serviceList\":[");
    for (GTreeNode *node = first_service(call); node; node = g_tree_node_next(node)) {
        const struct store_service *service = g_tree_node_value(node);
        if (!matches(&filter, service) || !api_page_takes(&page))
            continue;
        if (out->str[out->len - 1] == '}')
            g_string_append_c(out, ',');
        service_json_catalog(out, service);
    }
    g_string_append_c(out, ']');
    json_out_member_int(out, "count", page.matching);
    g_string_append_c(out, '}');
    return TRUE;
}

/* Borrowed; NULL with an error if it is not there. */
static struct store_service *find_service(const struct api_call *call, GError **error)
{
    g_autofree char *name = api_service_name(call, error);
    struct store_service *service =
        name ? store_service(call->registry->store, api_namespace(call), name) : NULL;
    if (name && !service)
        g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_NACOS, "service %s is not found!", name);
    return service;
}

gboolean api_catalog_service(const struct api_call *call, GString *out, GError **error)
{
    struct store_service *service = find_service(call, error);
    if (service)
        catalog_json_service(out, service);
    return service != NULL;
}

gboolean api_catalog_instances(const struct api_call *call, GString *out, GError **error)
{
    struct api_page page;
    struct store_service *service = find_service(call, error);
    gint64 now = g_get_monotonic_time(), wall_ms = g_get_real_time() / 1000;
    const char *cluster = service ? params_required(call->params, "clusterName", error) : NULL;
    if (!cluster || !api_page_read(call, &page, error))
        return FALSE;
    g_string_append(out, "{\"list\":[");
    for (GTreeNode *node = g_tree_node_first(service->instances); node;
         node = g_tree_node_next(node)) {
        const struct store_instance *instance = g_tree_node_value(node);
        if (g_str_equal(instance->cluster, cluster) && api_page_takes(&page))
            catalog_json_instance(out, instance, now, wall_ms);
    }
    g_string_append_c(out, ']');
    json_out_member_int(out, "count", page.matching);
    g_string_append_c(out, '}');
    if (page.matching)
        return TRUE;
    g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_NACOS, "cluster %s is not found!", cluster);
    return FALSE;
}
