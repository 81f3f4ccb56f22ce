/* SPDX-License-Identifier: MIT */
#include "naming/registry/api.h"
#include "naming/registry/names.h"

const char *api_namespace(const struct api_call *call)
{
    return params_text(call->params, "namespaceId", NAMES_DEFAULT_NAMESPACE);
}

char *api_service_name(const struct api_call *call, GError **error)
{
    const char *service = params_required(call->params, "serviceName", error);
    return service ? names_grouped(service, params_get(call->params, "groupName"), error) : NULL;
}

gboolean api_is_java_client(const struct api_call *call)
{
    static const char prefix[] = "Nacos-Java-Client:v";
    if (!g_str_has_prefix(call->user_agent, prefix))
        return FALSE;
    return g_ascii_strtoull(call->user_agent + sizeof(prefix) - 1, NULL, 10) >= 1;
}

gboolean api_is_true(const struct api_call *call, const char *name)
{
    return g_ascii_strcasecmp(params_text(call->params, name, ""), "true") == 0;
}

gboolean api_read_id(const struct api_call *call, struct store_id *id, GError **error)
{
    const struct params *params = call->params;
    id->namespace_id = api_namespace(call);
    id->persistent = !params_bool(params, "ephemeral", TRUE);
    id->ip = params_required(params, "ip", error);
    id->cluster = params_text(params, "clusterName", params_get(params, "cluster"));
    return id->ip && params_required(params, "port", error) &&
           params_int(params, "port", &id->port, error);
}

gboolean api_page_read(const struct api_call *call, struct api_page *page, GError **error)
{
    *page = (struct api_page){0};
    if (!params_required(call->params, "pageNo", error) ||
        !params_int(call->params, "pageNo", &page->number, error) ||
        !params_required(call->params, "pageSize", error) ||
        !params_int(call->params, "pageSize", &page->size, error))
        return FALSE;
    page->number = MAX(page->number, 1);
    page->size = MAX(page->size, 0);
    return TRUE;
}

gboolean api_page_takes(struct api_page *page)
{
    gint64 first = (gint64)(page->number - 1) * page->size;
    gint64 index = page->matching++;
    return index >= first && index < first + page->size;
}
