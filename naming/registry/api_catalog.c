/* SPDX-License-Identifier: MIT */
#include "naming/registry/api.h"
#include "naming/registry/json_out.h"
#include "naming/registry/names.h"

#include <string.h>

/* One page of services. Pages count from 1; a smaller number is 1. */
struct page {
    gint number;
    gint size;
    guint matching; /* services seen so far that match, on whatever page */
};

static gboolean read_page(const struct api_call *call, struct page *page, GError **error)
{
    *page = (struct page){0};
    if (!params_required(call->params, "pageNo", error) ||
        !params_int(call->params, "pageNo", &page->number, error) ||
        !params_required(call->params, "pageSize", error) ||
        !params_int(call->params, "pageSize", &page->size, error))
        return FALSE;
    page->number = MAX(page->number, 1);
    page->size = MAX(page->size, 0);
    return TRUE;
}

/* Counts one more match; TRUE if it is on the page. */
static gboolean page_takes(struct page *page)
{
    gint64 first = (gint64)(page->number - 1) * page->size;
    gint64 index = page->matching++;
    return index >= first && index < first + page->size;
}

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
    struct page page;
    const char *group = params_text(call->params, "groupName", NAMES_DEFAULT_GROUP);
    gboolean all = g_str_equal(group, "*");
    g_autofree char *prefix = g_strconcat(group, NAMES_SEPARATOR, NULL);
    if (!read_page(call, &page, error))
        return FALSE;
    g_string_append(out, "{\"doms\":[");
    for (GTreeNode *node = first_service(call); node; node = g_tree_node_next(node)) {
        const char *name = g_tree_node_key(node);
        if ((!all && !g_str_has_prefix(name, prefix)) || !page_takes(&page))
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
    gboolean with_instances_only;
};

static gboolean matches(const struct filter *filter, const struct store_service *service)
{
    g_autofree char *group = names_group(service->name);
    if (filter->with_instances_only && g_tree_nnodes(service->instances) == 0)
        return FALSE;
    return strstr(names_service(service->name), filter->service) && strstr(group, filter->group);
}

static gboolean is_true(const struct api_call *call, const char *name)
{
    return g_ascii_strcasecmp(params_text(call->params, name, ""), "true") == 0;
}

/* With instances it would be another answer altogether, which only the console of Nacos asks for.
 */
static gboolean check_variant(const struct api_call *call, GError **error)
{
    if (!is_true(call, "withInstances"))
        return TRUE;
    g_set_error_literal(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT,
                        "Param 'withInstances' is illegal, this registry knows false alone");
    return FALSE;
}

gboolean api_catalog_services(const struct api_call *call, GString *out, GError **error)
{
    struct page page;
    struct filter filter = {
        .service = params_text(call->params, "serviceNameParam", ""),
        .group = params_text(call->params, "groupNameParam", ""),
        .with_instances_only = is_true(call, "hasIpCount"),
    };
    if (!check_variant(call, error) || !read_page(call, &page, error))
        return FALSE;
    g_string_append(out, "{\"serviceList\":[");
    for (GTreeNode *node = first_service(call); node; node = g_tree_node_next(node)) {
        const struct store_service *service = g_tree_node_value(node);
        if (!matches(&filter, service) || !page_takes(&page))
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
