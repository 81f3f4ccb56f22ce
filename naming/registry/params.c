/* SPDX-License-Identifier: MIT */
#include "naming/registry/params.h"

#include "naming/registry/errors.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct params {
    GHashTable *values; /* name -> trimmed value, both owned */
};

struct params *params_new(void)
{
    struct params *params = g_new0(struct params, 1);
    params->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return params;
}

void params_free(struct params *params)
{
    if (!params)
        return;
    g_hash_table_unref(params->values);
    g_free(params);
}

/* New string, or NULL. */
static char *decode(const char *text, const char *end)
{
    g_autofree char *spaced = g_strndup(text, end - text);
    g_strdelimit(spaced, "+", ' ');
    g_autofree char *decoded = g_uri_unescape_segment(spaced, NULL, NULL);
    return decoded && g_utf8_validate(decoded, -1, NULL) ? g_steal_pointer(&decoded) : NULL;
}

static gboolean add_pair(struct params *params, const char *pair, const char *end, GError **error)
{
    const char *equals = memchr(pair, '=', end - pair);
    g_autofree char *name = decode(pair, equals ? equals : end);
    g_autofree char *value = equals ? decode(equals + 1, end) : g_strdup("");
    if (!name || !value || memchr(pair, '\0', end - pair)) {
        g_set_error_literal(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT,
                            "parameters are not percent-encoded UTF-8");
        return FALSE;
    }
    if (g_hash_table_size(params->values) >= PARAMS_MAX) {
        g_set_error_literal(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT, "too many parameters");
        return FALSE;
    }
    if (!g_hash_table_contains(params->values, name))
        g_hash_table_insert(params->values, g_steal_pointer(&name),
                            g_strstrip(g_steal_pointer(&value)));
    return TRUE;
}

gboolean params_add_form(struct params *params, const char *text, gsize length, GError **error)
{
    const char *end = text + length;
    while (text < end) {
        const char *ampersand = memchr(text, '&', end - text);
        const char *pair_end = ampersand ? ampersand : end;
        if (pair_end > text && !add_pair(params, text, pair_end, error))
            return FALSE;
        text = pair_end + 1;
    }
    return TRUE;
}

const char *params_get(const struct params *params, const char *name)
{
    const char *value = g_hash_table_lookup(params->values, name);
    return value && *value ? value : NULL;
}

const char *params_text(const struct params *params, const char *name, const char *fallback)
{
    const char *value = params_get(params, name);
    return value ? value : fallback;
}

const char *params_required(const struct params *params, const char *name, GError **error)
{
    const char *value = params_get(params, name);
    if (!value)
        g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT, "Param '%s' is required.",
                    name);
    return value;
}

gboolean params_bool(const struct params *params, const char *name, gboolean fallback)
{
    static const char *const words[] = {"true", "on", "yes", "y", "t"};
    const char *value = params_get(params, name);
    if (!value)
        return fallback;
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (g_ascii_strcasecmp(value, words[i]) == 0)
            return TRUE;
    return FALSE;
}

/* The text of Java's NumberFormatException. */
static gboolean not_a_number(const char *value, GError **error)
{
    g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT, "For input string: \"%.200s\"",
                value);
    return FALSE;
}

gboolean params_int(const struct params *params, const char *name, gint *value, GError **error)
{
    const char *text = params_get(params, name);
    gint64 number;
    if (!text)
        return TRUE;
    const char *digits = text + (*text == '+');
    if (!g_ascii_string_to_signed(digits, 10, G_MININT, G_MAXINT, &number, NULL))
        return not_a_number(text, error);
    *value = (gint)number;
    return TRUE;
}

gboolean params_double(const struct params *params, const char *name, double *value, GError **error)
{
    const char *text = params_get(params, name);
    char *end;
    if (!text)
        return TRUE;
    double number = g_ascii_strtod(text, &end);
    if (*end || end == text || strpbrk(text, "xX"))
        return not_a_number(text, error);
    *value = number;
    return TRUE;
}
