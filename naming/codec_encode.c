/* SPDX-License-Identifier: MIT
 *
 * Texts are put together here piece by piece and not as json-c trees: a list of 100,000 instances
 * would be a tree of 270 MB.
 */
#include "naming/codec.h"

#include "naming/codec_json.h"

#include <json-c/json.h>
#include <string.h>

static void append_string(GString *out, const char *text)
{
    g_autoptr(json_object) value = json_object_new_string(text);
    g_string_append(out, json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                                   JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* `name` is a constant of ours and needs no escapes. */
static void append_text(GString *out, const char *name, const char *text)
{
    g_string_append_printf(out, "\"%s\":", name);
    append_string(out, text);
}

static void append_boolean(GString *out, const char *name, gboolean value)
{
    g_string_append_printf(out, "\"%s\":%s", name, value ? "true" : "false");
}

static void append_metadata(GString *out, char *const *metadata)
{
    g_string_append_c(out, '{');
    for (guint i = 0; metadata != NULL && metadata[i] != NULL; i += 2) {
        if (i > 0)
            g_string_append_c(out, ',');
        append_string(out, metadata[i]);
        g_string_append_c(out, ':');
        append_string(out, metadata[i + 1]);
    }
    g_string_append_c(out, '}');
}

/* The shortest decimal that reads back equal, as Java writes a double: 1.0, 0.25, 10000.0. */
static void append_weight(GString *out, double weight)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE], format[8];
    /* 5 digits show every integer up to the maximum without exponent, 17 always read back equal */
    for (int precision = 5; precision <= 17; precision++) {
        g_snprintf(format, sizeof format, "%%.%dg", precision);
        g_ascii_formatd(text, sizeof text, format, weight);
        if (g_ascii_strtod(text, NULL) == weight)
            break;
    }
    g_string_append(out, text);
    if (strpbrk(text, ".e") == NULL)
        g_string_append(out, ".0");
}

char *service_info_json_string(const char *text)
{
    GString *out = g_string_new(NULL);
    append_string(out, text);
    return g_string_free(out, FALSE);
}

char *codec_weight(double weight)
{
    GString *out = g_string_new(NULL);
    append_weight(out, weight);
    return g_string_free(out, FALSE);
}

char *codec_metadata(char *const *metadata)
{
    GString *out = g_string_new(NULL);
    append_metadata(out, metadata);
    return g_string_free(out, FALSE);
}

char *codec_beat_info(const struct service_key *key, const struct instance *instance,
                      gint64 period_ms)
{
    g_autofree char *grouped = service_key_grouped(key);
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "{\"port\":%u,", instance->port);
    append_text(out, "ip", instance->ip);
    g_string_append(out, ",\"weight\":");
    append_weight(out, instance->weight);
    g_string_append_c(out, ',');
    append_text(out, "serviceName", grouped);
    g_string_append_c(out, ',');
    append_text(out, "cluster", instance->cluster_name);
    g_string_append(out, ",\"metadata\":");
    append_metadata(out, instance->metadata);
    g_string_append_printf(
        out, ",\"scheduled\":false,\"period\":%" G_GINT64_FORMAT ",\"stopped\":false}", period_ms);
    return g_string_free(out, FALSE);
}

char *codec_push_ack(const char *type, const char *last_ref_time)
{
    GString *out = g_string_new("{\"type\": ");
    append_string(out, type);
    g_string_append(out, ", \"lastRefTime\":");
    append_string(out, last_ref_time != NULL ? last_ref_time : "");
    g_string_append(out, ", \"data\":\"\"}");
    return g_string_free(out, FALSE);
}

static void append_host(GString *out, const struct instance *host, const char *grouped)
{
    g_autofree char *id = g_strdup_printf("%s#%u#%s#%s", host->ip, host->port, host->cluster_name,
                                          grouped); /* IdGenerator "simple" */
    g_string_append_c(out, '{');
    append_text(out, "instanceId", id);
    g_string_append_c(out, ',');
    append_text(out, "ip", host->ip);
    g_string_append_printf(out, ",\"port\":%u,\"weight\":", host->port);
    append_weight(out, host->weight);
    g_string_append_c(out, ',');
    append_boolean(out, "healthy", host->healthy);
    g_string_append_c(out, ',');
    append_boolean(out, "enabled", host->enabled);
    g_string_append_c(out, ',');
    append_boolean(out, "ephemeral", host->ephemeral);
    g_string_append_c(out, ',');
    append_text(out, "clusterName", host->cluster_name);
    g_string_append_c(out, ',');
    append_text(out, "serviceName", grouped);
    g_string_append(out, ",\"metadata\":");
    append_metadata(out, host->metadata);
    g_string_append_c(out, '}');
}

char *service_info_to_json(const struct service_info *info)
{
    g_autofree char *grouped = service_key_grouped(&info->key);
    GString *out = g_string_new("{");
    append_text(out, "name", grouped);
    g_string_append_c(out, ',');
    append_text(out, "groupName", info->key.group);
    g_string_append_c(out, ',');
    append_text(out, "clusters", info->clusters);
    g_string_append_printf(out, ",\"cacheMillis\":%" G_GINT64_FORMAT ",\"hosts\":[",
                           info->cache_millis);
    for (guint i = 0; i < info->n_hosts; i++) {
        if (i > 0)
            g_string_append_c(out, ',');
        append_host(out, &info->hosts[i], grouped);
    }
    g_string_append_printf(out, "],\"lastRefTime\":%" G_GINT64_FORMAT "}\n", info->last_ref_time);
    return g_string_free(out, FALSE);
}
