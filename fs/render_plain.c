/* SPDX-License-Identifier: MIT
 *
 * Formats of lines: hosts files and shell variables.
 */
#include "fs/render.h"
#include "fs/render_format.h"

#include <string.h>

#define ANY_LIMIT 1 /* weights are not asked for as whole numbers */

/* Hosts are sorted by address: what has several ports is one line. */
GBytes *render_hosts(const struct service_info *info)
{
    g_autofree char *name = render_object_name(&info->key);
    g_autoptr(GArray) targets = render_targets(info, ANY_LIMIT);
    GString *out = g_string_new(NULL);
    const char *last = "";
    for (guint i = 0; i < targets->len; i++) {
        const struct render_target *target = &g_array_index(targets, struct render_target, i);
        if (target->kind == ADDRESS_NAME || strcmp(last, target->instance->ip) == 0)
            continue;
        last = target->instance->ip;
        g_string_append_printf(out, "%s %s\n", last, name);
    }
    return g_string_free_to_bytes(out);
}

/* A name that a shell takes: upper case, '_' for all but letters and digits, and in front of a
 * digit. */
static char *variable_name(const struct service_key *key)
{
    g_autofree char *name = render_object_name(key);
    for (char *c = name; *c; c++)
        *c = g_ascii_isalnum(*c) ? g_ascii_toupper(*c) : '_';
    return g_strconcat(g_ascii_isdigit(*name) ? "_" : "", name, NULL);
}

/* Without quotes, so that a shell, systemd's EnvironmentFile= and docker's --env-file read the
 * same; addresses have nothing that needs any. */
GBytes *render_env(const struct service_info *info)
{
    g_autofree char *name = variable_name(&info->key);
    g_autoptr(GArray) targets = render_targets(info, ANY_LIMIT);
    g_autoptr(GString) addresses = g_string_new(NULL);
    g_autoptr(GString) weights = g_string_new(NULL);
    for (guint i = 0; i < targets->len; i++) {
        const struct render_target *target = &g_array_index(targets, struct render_target, i);
        g_string_append_printf(addresses, "%s%s", i ? "," : "", target->address);
        g_string_append(weights, i ? "," : "");
        render_weight(weights, target->instance->weight);
    }
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "%s_COUNT=%u\n", name, targets->len);
    g_string_append_printf(out, "%s_ADDRESSES=%s\n", name, addresses->str);
    g_string_append_printf(out, "%s_WEIGHTS=%s\n", name, weights->str);
    return g_string_free_to_bytes(out);
}
