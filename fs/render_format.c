/* SPDX-License-Identifier: MIT */
#include "fs/render_format.h"

#include <string.h>

#define DEFAULT_GROUP "DEFAULT_GROUP"
#define MOST_DECIMALS 10000 /* weights with up to four of them are made whole numbers exactly */

static const struct render_format formats[] = {
    {"prometheus", ".json", .render = render_prometheus},
    {"hosts", "", .render = render_hosts},
    {"nginx", ".conf", .render = render_nginx},
    {"haproxy", ".cfg", .render = render_haproxy},
    {"envoy", ".json", .replaced = TRUE, .render = render_envoy},
    {"traefik", ".yml", .render = render_traefik},
    {"env", ".env", .render = render_env},
};

G_STATIC_ASSERT(G_N_ELEMENTS(formats) == RENDER_FORMATS);

const struct render_format *render_format_at(guint index)
{
    return &formats[index];
}

int render_format_find(const char *name)
{
    for (guint i = 0; i < RENDER_FORMATS; i++)
        if (strcmp(formats[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* --- names --------------------------------------------------------------------------------- */

static void append_plain(GString *out, const char *name)
{
    for (const char *c = name; *c; c = g_utf8_next_char(c)) {
        char lower = g_ascii_tolower(*c);
        g_string_append_c(out, g_ascii_isalnum(lower) || lower == '.' ? lower : '-');
    }
}

char *render_object_name(const struct service_key *key)
{
    GString *out = g_string_new(NULL);
    append_plain(out, key->name);
    if (strcmp(key->group, DEFAULT_GROUP) != 0) {
        g_string_append_c(out, '.');
        append_plain(out, key->group);
    }
    return g_string_free(out, FALSE);
}

/* --- targets ------------------------------------------------------------------------------- */

static void target_clear(gpointer item)
{
    struct render_target *target = item;
    g_free(target->address);
}

static gboolean is_repeated(const GArray *targets, const struct instance *instance)
{
    if (targets->len == 0)
        return FALSE;
    const struct instance *last =
        g_array_index(targets, struct render_target, targets->len - 1).instance;
    return last->port == instance->port && strcmp(last->ip, instance->ip) == 0;
}

static void add_target(GArray *targets, const struct instance *instance)
{
    struct render_target target = {.instance = instance, .kind = address_kind(instance->ip)};
    if (!instance_is_callable(instance) || target.kind == ADDRESS_STRANGE ||
        is_repeated(targets, instance))
        return;
    GString *address = g_string_new(NULL);
    address_format(address, instance);
    target.address = g_string_free(address, FALSE);
    g_array_append_val(targets, target);
}

static double weight_of(const GArray *targets, guint i)
{
    double weight = g_array_index(targets, struct render_target, i).instance->weight;
    return MIN(weight, INSTANCE_MAX_WEIGHT);
}

static guint nearest(double weight)
{
    return (guint)(weight + 0.5); /* at most some 10^8 */
}

static gboolean are_whole(const GArray *targets, double factor)
{
    for (guint i = 0; i < targets->len; i++) {
        double weight = weight_of(targets, i) * factor;
        if (ABS(weight - nearest(weight)) > weight * 1e-9)
            return FALSE;
    }
    return TRUE;
}

/* The power of ten that makes all weights whole, if they fit then; else what makes the largest one
 * the limit. */
static double find_factor(const GArray *targets, guint limit)
{
    double most = 0;
    for (guint i = 0; i < targets->len; i++)
        most = MAX(most, weight_of(targets, i));
    for (double factor = 1; factor <= MOST_DECIMALS && most * factor <= limit; factor *= 10)
        if (are_whole(targets, factor))
            return factor;
    return limit / most;
}

GArray *render_targets(const struct service_info *info, guint limit)
{
    GArray *targets = g_array_new(FALSE, FALSE, sizeof(struct render_target));
    g_array_set_clear_func(targets, target_clear);
    for (guint i = 0; i < info->n_hosts; i++)
        add_target(targets, &info->hosts[i]);
    double factor = targets->len ? find_factor(targets, limit) : 1;
    for (guint i = 0; i < targets->len; i++)
        g_array_index(targets, struct render_target, i).weight =
            CLAMP(nearest(weight_of(targets, i) * factor), 1, limit);
    return targets;
}

void render_json_string(GString *out, const char *text)
{
    g_autofree char *string = service_info_json_string(text);
    g_string_append(out, string);
}
