/* SPDX-License-Identifier: MIT */
#include "naming/registry/openapi.h"

#include "naming/registry/json_out.h"

#include <string.h>

#define NAMING_PREFIX "/v1/ns/"

static const char json_type[] = "application/json";
static const char text_type[] = "text/plain;charset=UTF-8";

struct route {
    const char *method;
    const char *path; /* below the context path */
    api_fn fn;
    const char *content_type;
};

static const struct route routes[] = {
    {"POST", "/v1/ns/instance", api_register_instance, text_type},
    {"PUT", "/v1/ns/instance", api_update_instance, text_type},
    {"DELETE", "/v1/ns/instance", api_deregister_instance, text_type},
    {"GET", "/v1/ns/instance", api_instance, json_type},
    {"PATCH", "/v1/ns/instance", api_patch_instance, text_type},
    {"PUT", "/v1/ns/instance/metadata/batch", api_merge_metadata, json_type},
    {"DELETE", "/v1/ns/instance/metadata/batch", api_remove_metadata, json_type},
    {"GET", "/v1/ns/instance/statuses", api_statuses, json_type},
    {"PUT", "/v1/ns/instance/beat", api_beat, json_type},
    {"GET", "/v1/ns/instance/list", api_list, json_type},
    {"POST", "/v1/ns/service", api_create_service, text_type},
    {"PUT", "/v1/ns/service", api_update_service, text_type},
    {"DELETE", "/v1/ns/service", api_remove_service, text_type},
    {"GET", "/v1/ns/service", api_service, json_type},
    {"GET", "/v1/ns/service/list", api_service_list, json_type},
    {"GET", "/v1/ns/service/names", api_service_names, json_type},
    {"GET", "/v1/ns/service/subscribers", api_subscribers, json_type},
    {"GET", "/v1/ns/catalog/services", api_catalog_services, json_type},
    {"GET", "/v1/ns/catalog/service", api_catalog_service, json_type},
    {"GET", "/v1/ns/catalog/instances", api_catalog_instances, json_type},
    {"GET", "/v1/ns/operator/metrics", api_metrics, json_type},
    {"GET", "/v1/ns/operator/health", api_health_figures, json_type},
    {"GET", "/v1/ns/operator/switches", api_switches, json_type},
    {"PUT", "/v1/ns/operator/switches", api_set_switch, text_type},
    {"GET", "/v1/ns/operator/servers", api_servers, json_type},
    {"PUT", "/v1/ns/cluster", api_update_cluster, text_type},
    {"PUT", "/v1/ns/health", api_update_health, text_type},
    {"PUT", "/v1/ns/health/instance", api_update_health, text_type},
    {"GET", "/v1/core/cluster/nodes", api_cluster_nodes, json_type},
    {"POST", "/v1/auth/users/login", api_login, json_type},
    {"POST", "/v1/auth/login", api_login, json_type},
    {"GET", "/v1/console/namespaces", api_namespaces, json_type},
    {"POST", "/v1/console/namespaces", api_create_namespace, json_type},
    {"PUT", "/v1/console/namespaces", api_update_namespace, json_type},
    {"DELETE", "/v1/console/namespaces", api_remove_namespace, json_type},
    {"GET", "/v1/console/server/state", api_server_state, json_type},
    {"GET", "/v1/console/health/liveness", api_health_ok, text_type},
    {"GET", "/v1/console/health/readiness", api_health_ok, text_type},
};

/* What nobody has to log in for: that the server is there, and how to log in. */
static const char *const open_paths[] = {
    "/v1/auth/login",
    "/v1/auth/users/login",
    "/v1/console/health/liveness",
    "/v1/console/health/readiness",
    "/v1/console/server/state",
    "/v1/ns/operator/metrics",
    NULL,
};

/* HEAD is GET without a body (RFC 9110, section 9.3.2), which libmicrohttpd sees to. */
static const struct route *find_route(const char *method, const char *path)
{
    if (g_str_equal(method, "HEAD"))
        method = "GET";
    for (gsize i = 0; i < G_N_ELEMENTS(routes); i++)
        if (g_str_equal(routes[i].method, method) && g_str_equal(routes[i].path, path))
            return &routes[i];
    return NULL;
}

static const char *below_context(const struct openapi_target *target)
{
    gsize length = strlen(target->context);
    return strncmp(target->path, target->context, length) == 0 ? target->path + length : "";
}

/* The page of Spring's BasicErrorController. */
static void error_page(struct openapi_answer *answer, guint status, const char *message,
                       const struct openapi_target *target)
{
    const char *error = status == 403   ? "Forbidden"
                        : status == 404 ? "Not Found"
                                        : "Not Implemented";
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S.000+00:00");
    g_autofree char *path = g_utf8_make_valid(target->path, -1);
    answer->status = status;
    answer->content_type = json_type;
    g_string_append_c(answer->body, '{');
    json_out_member(answer->body, "timestamp", time);
    json_out_member_int(answer->body, "status", status);
    json_out_member(answer->body, "error", error);
    json_out_member(answer->body, "message", message);
    json_out_member(answer->body, "path", path);
    g_string_append_c(answer->body, '}');
}

/* The statuses of 1.4.8, where a NacosException is a 500 whatever its own code says. */
void openapi_refuse(const GError *error, struct openapi_answer *answer)
{
    static const guint statuses[] = {
        [REGISTRY_ERROR_ARGUMENT] = 400, [REGISTRY_ERROR_NACOS] = 500, [REGISTRY_ERROR_FULL] = 503,
        [REGISTRY_ERROR_DENIED] = 403,   [REGISTRY_ERROR_DISK] = 500,
    };
    answer->status = statuses[error->code];
    answer->content_type = text_type;
    gboolean denied = error->code == REGISTRY_ERROR_DENIED;
    g_string_printf(answer->body, "%s%s%s", denied ? "" : "caused: ", error->message,
                    denied ? "" : ";");
}

static gboolean may_call(const struct route *route, const struct api_call *call)
{
    return call->identity->user || !auth_is_required(call->auth) ||
           g_strv_contains(open_paths, route->path);
}

static void no_such_api(struct openapi_answer *answer, const struct openapi_target *target)
{
    g_autofree char *path = g_utf8_make_valid(target->path, -1);
    g_autofree char *method = g_utf8_make_valid(target->method, -1);
    g_autofree char *message = g_strdup_printf("no such api:%s:%s", method, path);
    error_page(answer, 501, message, target);
}

void openapi_answer(const struct openapi_target *target, const struct api_call *call,
                    struct openapi_answer *answer)
{
    g_autoptr(GError) error = NULL;
    const char *path = below_context(target);
    const struct route *route = find_route(target->method, path);
    if (!route && g_str_has_prefix(path, NAMING_PREFIX)) {
        no_such_api(answer, target);
    } else if (!route) {
        error_page(answer, 404, "", target);
    } else if (!may_call(route, call)) {
        error_page(answer, 403, call->identity->why, target);
    } else if (!route->fn(call, answer->body, &error)) {
        openapi_refuse(error, answer);
    } else {
        answer->status = 200;
        answer->content_type = route->content_type;
    }
}
