/* SPDX-License-Identifier: MIT
 *
 * Formats of programs that follow files as their service discovery: Prometheus (file_sd_config) and
 * Envoy (xDS by path_config_source).
 */
#include "fs/render.h"
#include "fs/render_format.h"

#include <string.h>

#define ENVOY_LIMIT 10000 /* the sum of all weights must fit 32 bits */
#define ENVOY_VERSION 16  /* hex digits of version_info */

/* --- Prometheus ------------------------------------------------------------------------------ */

static void append_label(GString *out, const char *name, const char *value)
{
    g_string_append_c(out, ',');
    render_json_string(out, name);
    g_string_append_c(out, ':');
    render_json_string(out, value);
}

/* Label names are [a-zA-Z_][a-zA-Z0-9_]*: other bytes become '_', as in Prometheus' own service
 * discoveries. Of two keys that look the same then the first counts. */
static void append_metadata(GString *out, char **metadata)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (char **pair = metadata; pair && *pair; pair += 2) {
        char *label = g_strconcat("__meta_nacos_metadata_", pair[0], NULL);
        for (char *c = label; *c; c++)
            if (!g_ascii_isalnum(*c))
                *c = '_';
        if (!g_hash_table_contains(seen, label))
            append_label(out, label, pair[1]);
        g_hash_table_add(seen, label);
    }
}

static void append_target(GString *out, const struct service_key *key,
                          const struct instance *instance)
{
    g_autofree char *job = render_object_name(key);
    GString *text = g_string_new(NULL);
    address_format(text, instance);
    g_string_append(out, "{\"targets\":[");
    render_json_string(out, text->str);
    g_string_append(out, "],\"labels\":{\"job\":");
    render_json_string(out, job);
    append_label(out, "__meta_nacos_service", key->name);
    append_label(out, "__meta_nacos_group", key->group);
    append_label(out, "__meta_nacos_cluster", instance->cluster_name);
    g_string_truncate(text, 0);
    render_weight(text, instance->weight);
    append_label(out, "__meta_nacos_weight", text->str);
    append_metadata(out, instance->metadata);
    g_string_append(out, "}}");
    g_string_free(text, TRUE);
}

/* One target group for each instance: labels are its own. The same address in two clusters is two
 * targets. */
GBytes *render_prometheus(const struct service_info *info)
{
    GString *out = g_string_new("[");
    for (guint i = 0; i < info->n_hosts; i++) {
        const struct instance *instance = &info->hosts[i];
        if (!instance_is_callable(instance) || address_kind(instance->ip) == ADDRESS_STRANGE)
            continue;
        g_string_append(out, out->len > 1 ? ",\n" : "\n");
        append_target(out, &info->key, instance);
    }
    g_string_append(out, out->len > 1 ? "\n]\n" : "]\n");
    return g_string_free_to_bytes(out);
}

/* --- Envoy ------------------------------------------------------------------------------------ */

static void append_endpoint(GString *out, const struct render_target *target)
{
    g_string_append(out, "{\"endpoint\":{\"address\":{\"socket_address\":{\"address\":");
    render_json_string(out, target->instance->ip);
    g_string_append_printf(out, ",\"port_value\":%u}}},\"load_balancing_weight\":%u}",
                           target->instance->port, target->weight);
}

/* Endpoints have IP addresses; for one host name all would be refused. */
static char *envoy_endpoints(const struct service_info *info)
{
    g_autoptr(GArray) targets = render_targets(info, ENVOY_LIMIT);
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < targets->len; i++) {
        const struct render_target *target = &g_array_index(targets, struct render_target, i);
        if (target->kind == ADDRESS_NAME)
            continue;
        g_string_append(out, out->len ? ",\n" : "{\"lb_endpoints\":[\n");
        append_endpoint(out, target);
    }
    if (out->len)
        g_string_append(out, "\n]}");
    return g_string_free(out, FALSE);
}

static char *envoy_resource(const struct service_info *info)
{
    g_autofree char *name = render_object_name(&info->key);
    g_autofree char *endpoints = envoy_endpoints(info);
    GString *out = g_string_new(
        "{\"@type\":\"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment\","
        "\"cluster_name\":");
    render_json_string(out, name);
    g_string_append_printf(out, ",\"endpoints\":[%s]}", endpoints);
    return g_string_free(out, FALSE);
}

/* The version is a hash of what it is the version of. */
GBytes *render_envoy(const struct service_info *info)
{
    g_autofree char *resource = envoy_resource(info);
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, resource, -1);
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "{\"version_info\":\"%.*s\",\"resources\":[%s]}\n", ENVOY_VERSION,
                           hash, resource);
    return g_string_free_to_bytes(out);
}
