/* SPDX-License-Identifier: MIT */
#include "naming/registry/api.h"
#include "naming/registry/json_out.h"
#include "naming/registry/names.h"

#define NAMESPACE_QUOTA 200 /* as Nacos reports it; means nothing to naming */

enum namespace_type {
    NAMESPACE_GLOBAL = 0,
    NAMESPACE_CUSTOM = 2,
};

static void add_namespace(GString *out, const char *id, const char *name, enum namespace_type type)
{
    g_string_append(out, out->str[out->len - 1] == '}' ? ",{" : "{");
    json_out_member(out, "namespace", id);
    json_out_member(out, "namespaceShowName", name);
    json_out_member_int(out, "quota", NAMESPACE_QUOTA);
    json_out_member_int(out, "configCount", 0);
    json_out_member_int(out, "type", type);
    g_string_append_c(out, '}');
}

/* The public one, whose id is "" here, and those that have services. */
gboolean api_namespaces(const struct api_call *call, GString *out, GError **error)
{
    g_autoptr(GList) ids = g_hash_table_get_keys(call->registry->store->namespaces);
    ids = g_list_sort(ids, (GCompareFunc)g_strcmp0);
    g_string_append(out, "{\"code\":200,\"message\":null,\"data\":[");
    add_namespace(out, "", NAMES_DEFAULT_NAMESPACE, NAMESPACE_GLOBAL);
    for (GList *at = ids; at; at = at->next)
        if (!g_str_equal(at->data, NAMES_DEFAULT_NAMESPACE))
            add_namespace(out, at->data, at->data, NAMESPACE_CUSTOM);
    g_string_append(out, "]}");
    return TRUE;
}

gboolean api_server_state(const struct api_call *call, GString *out, GError **error)
{
    g_string_append_c(out, '{');
    json_out_member(out, "version", API_NACOS_VERSION);
    json_out_member(out, "standalone_mode", "standalone");
    json_out_member_raw(out, "function_mode", "null}");
    return TRUE;
}

/* Who answers this lives, and there is no state in which it is not ready. */
gboolean api_health_ok(const struct api_call *call, GString *out, GError **error)
{
    g_string_append(out, "OK");
    return TRUE;
}
