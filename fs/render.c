/* SPDX-License-Identifier: MIT */
#include "fs/render.h"

#include "fs/address.h"
#include "fs/escape.h"

#include <stdlib.h>
#include <string.h>

/* A double has at most 17 significant digits; the smallest needs 324 more places after the point.
 */
#define MAX_DIGITS 17
#define WEIGHT_ROOM 384

static void begin_field(GString *out, const char *key)
{
    if (out->len > 0 && out->str[out->len - 1] != '\n')
        g_string_append_c(out, ' ');
    escape_append(out, key, "=");
    g_string_append_c(out, '=');
}

void render_field(GString *out, const char *key, const char *value)
{
    begin_field(out, key);
    escape_append(out, value, "");
}

void render_field_int(GString *out, const char *key, gint64 value)
{
    begin_field(out, key);
    g_string_append_printf(out, "%" G_GINT64_FORMAT, value);
}

static void render_field_bool(GString *out, const char *key, gboolean value)
{
    render_field(out, key, value ? "true" : "false");
}

void render_weight(GString *out, double weight)
{
    char text[WEIGHT_ROOM];
    char format[16];
    int digits = 0;
    if (weight == 0) { /* -0, too */
        g_string_append_c(out, '0');
        return;
    }
    do {
        g_snprintf(format, sizeof(format), "%%.%de", digits);
        g_ascii_formatd(text, sizeof(text), format, weight);
    } while (g_ascii_strtod(text, NULL) != weight && ++digits < MAX_DIGITS);
    const char *exponent = strchr(text, 'e');
    /* Out of range or no number at all: no user can write it, so its spelling is only looked at. */
    if (exponent != NULL && weight > 0 && weight <= INSTANCE_MAX_WEIGHT) {
        int places = MAX(0, digits - atoi(exponent + 1));
        g_snprintf(format, sizeof(format), "%%.%df", places);
        g_ascii_formatd(text, sizeof(text), format, weight);
    }
    g_string_append(out, text);
}

/* The five attributes in their fixed order, then the metadata. */
static void append_attributes(GString *out, const struct instance *instance)
{
    begin_field(out, "weight");
    render_weight(out, instance->weight);
    render_field_bool(out, "healthy", instance->healthy);
    render_field_bool(out, "enabled", instance->enabled);
    render_field_bool(out, "ephemeral", instance->ephemeral);
    render_field(out, "cluster", instance->cluster_name);
    for (char **pair = instance->metadata; pair != NULL && pair[0] != NULL; pair += 2) {
        g_string_append(out, " meta.");
        escape_append(out, pair[0], "=");
        g_string_append_c(out, '=');
        escape_append(out, pair[1], "");
    }
    g_string_append_c(out, '\n');
}

void render_line(GString *out, const struct instance *instance)
{
    address_format(out, instance);
    append_attributes(out, instance);
}

static void append_address_line(GString *out, const struct instance *instance)
{
    address_format(out, instance);
    g_string_append_c(out, '\n');
}

GBytes *render_instances(const struct service_info *info)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < info->n_hosts; i++)
        render_line(out, &info->hosts[i]);
    return g_string_free_to_bytes(out);
}

GBytes *render_healthy(const struct service_info *info)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < info->n_hosts; i++) {
        if (instance_is_callable(&info->hosts[i]))
            append_address_line(out, &info->hosts[i]);
    }
    return g_string_free_to_bytes(out);
}

GBytes *render_json(const struct service_info *info)
{
    char *json = service_info_to_json(info);
    return g_bytes_new_take(json, strlen(json));
}

GBytes *render_host(const struct instance *instance)
{
    GString *out = g_string_new(NULL);
    append_attributes(out, instance);
    return g_string_free_to_bytes(out);
}

GBytes *render_pick(const struct service_info *info, double random)
{
    const struct instance *host = service_info_pick(info, random);
    if (host == NULL)
        return NULL;
    GString *out = g_string_new(NULL);
    append_address_line(out, host);
    return g_string_free_to_bytes(out);
}
