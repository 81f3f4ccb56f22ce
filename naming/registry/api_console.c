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

/* The public one, whose id is "" here, those that were created, and those that have services. */
gboolean api_namespaces(const struct api_call *call, GString *out, GError **error)
{
    const struct namespaces *named = call->registry->namespaces;
    g_autoptr(GList) ids = g_list_concat(namespaces_ids(named),
                                         g_hash_table_get_keys(call->registry->store->namespaces));
    const char *last = NAMES_DEFAULT_NAMESPACE;
    ids = g_list_sort(ids, (GCompareFunc)g_strcmp0);
    g_string_append(out, "{\"code\":200,\"message\":null,\"data\":[");
    add_namespace(out, "", NAMES_DEFAULT_NAMESPACE, NAMESPACE_GLOBAL);
    for (GList *at = ids; at; at = at->next) {
        const char *id = at->data;
        if (!g_str_equal(id, last) && !g_str_equal(id, NAMES_DEFAULT_NAMESPACE))
            add_namespace(out, id, namespaces_name(named, id), NAMESPACE_CUSTOM);
        last = id;
    }
    g_string_append(out, "]}");
    return TRUE;
}

static gboolean answer_bool(GString *out, gboolean done)
{
    g_string_append(out, done ? "true" : "false");
    return TRUE;
}

/* Without an id it gets a random one (NamespaceController, 1.4.8). */
gboolean api_create_namespace(const struct api_call *call, GString *out, GError **error)
{
    const char *name = params_required(call->params, "namespaceName", error);
    g_autofree char *fresh = g_uuid_string_random();
    const char *id = params_text(call->params, "customNamespaceId", fresh);
    return name && answer_bool(out, namespaces_create(call->registry->namespaces, id, name));
}

gboolean api_update_namespace(const struct api_call *call, GString *out, GError **error)
{
    const char *id = params_required(call->params, "namespace", error);
    const char *name = id ? params_required(call->params, "namespaceShowName", error) : NULL;
    return name && answer_bool(out, namespaces_rename(call->registry->namespaces, id, name));
}

/* Its services stay, and with them it does. */
gboolean api_remove_namespace(const struct api_call *call, GString *out, GError **error)
{
    const char *id = params_required(call->params, "namespaceId", error);
    if (!id)
        return FALSE;
    namespaces_remove(call->registry->namespaces, id);
    return answer_bool(out, TRUE);
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
