/* SPDX-License-Identifier: MIT
 *
 * Formats of load balancers that read their configuration at a reload: nginx, HAProxy, Traefik.
 * What one of them cannot start with must not be in a file, or every other service would suffer,
 * too.
 */
#include "fs/render_format.h"

#define NGINX_LIMIT 10000
#define HAPROXY_LIMIT 256 /* HAProxy's SRV_UWGHT_MAX */
#define TRAEFIK_LIMIT 10000

/* An upstream without servers is an error, so that one is down (a call gets 502 at once). nginx
 * resolves host names when it starts and does not if one of them fails. */
GBytes *render_nginx(const struct service_info *info)
{
    g_autofree char *name = render_object_name(&info->key);
    g_autoptr(GArray) targets = render_targets(info, NGINX_LIMIT);
    GString *out = g_string_new(NULL);
    guint servers = 0;
    g_string_append_printf(out, "upstream %s {\n", name);
    for (guint i = 0; i < targets->len; i++) {
        const struct render_target *target = &g_array_index(targets, struct render_target, i);
        if (target->kind == ADDRESS_NAME) {
            g_string_append_printf(out, "    # left out, no IP address: %s\n", target->address);
            continue;
        }
        g_string_append_printf(out, "    server %s weight=%u;\n", target->address, target->weight);
        servers++;
    }
    if (servers == 0)
        g_string_append(out, "    server 127.0.0.1:9 down;\n");
    g_string_append(out, "}\n");
    return g_string_free_to_bytes(out);
}

/* A server's name may have colons, but no brackets. */
static void append_haproxy_server(GString *out, const struct render_target *target)
{
    g_string_append_printf(out, "    server %s:%u %s weight %u", target->instance->ip,
                           target->instance->port, target->address, target->weight);
    if (target->kind == ADDRESS_NAME) /* resolved later if it cannot be now */
        g_string_append(out, " init-addr last,libc,none");
    g_string_append_c(out, '\n');
}

GBytes *render_haproxy(const struct service_info *info)
{
    g_autofree char *name = render_object_name(&info->key);
    g_autoptr(GArray) targets = render_targets(info, HAPROXY_LIMIT);
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "backend %s\n    balance roundrobin\n", name);
    for (guint i = 0; i < targets->len; i++)
        append_haproxy_server(out, &g_array_index(targets, struct render_target, i));
    return g_string_free_to_bytes(out);
}

static gboolean are_weights_equal(const GArray *targets)
{
    for (guint i = 1; i < targets->len; i++)
        if (g_array_index(targets, struct render_target, i).weight !=
            g_array_index(targets, struct render_target, 0).weight)
            return FALSE;
    return TRUE;
}

/* Traefik before 3.4 takes no weights and refuses the file for one: only where they differ. */
GBytes *render_traefik(const struct service_info *info)
{
    g_autofree char *name = render_object_name(&info->key);
    g_autoptr(GArray) targets = render_targets(info, TRAEFIK_LIMIT);
    gboolean weighted = !are_weights_equal(targets);
    GString *out = g_string_new("http:\n  services:\n");
    g_string_append_printf(out, "    \"%s\":\n      loadBalancer:\n        servers:%s\n", name,
                           targets->len ? "" : " []");
    for (guint i = 0; i < targets->len; i++) {
        const struct render_target *target = &g_array_index(targets, struct render_target, i);
        g_string_append_printf(out, "          - url: \"http://%s\"\n", target->address);
        if (weighted)
            g_string_append_printf(out, "            weight: %u\n", target->weight);
    }
    return g_string_free_to_bytes(out);
}
