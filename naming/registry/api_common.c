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
