/* SPDX-License-Identifier: MIT */
#include "naming/registry/metadata.h"

#include "naming/registry/errors.h"
#include "naming/registry/json_in.h"
#include "naming/registry/json_out.h"

#include <string.h>

/* The text under way: the JSON and what of the cap is used. */
struct builder {
    GString *json;
    gsize length; /* characters of keys and values so far */
    struct metadata *out;
};

/* Value of a preserved key: digits only, else it does not count (PreservedMetadataKeys,
 * Instance.java getMetaDataByKeyWithDefault). Saturates at 49 days. */
static void read_time(const char *key, const char *value, struct metadata *out)
{
    const struct {
        const char *key;
        guint32 *field;
    } times[] = {
        {"preserved.heart.beat.interval", &out->beat_interval_ms},
        {"preserved.heart.beat.timeout", &out->beat_timeout_ms},
        {"preserved.ip.delete.timeout", &out->delete_timeout_ms},
    };
    if (!*value || strspn(value, "0123456789") != strlen(value))
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(times); i++)
        if (g_str_equal(key, times[i].key))
            *times[i].field = MIN(g_ascii_strtoull(value, NULL, 10), G_MAXUINT32);
}

static void builder_begin(struct builder *builder, struct metadata *out)
{
    *out = (struct metadata){.beat_timeout_ms = METADATA_DEFAULT_BEAT_TIMEOUT_MS,
                             .delete_timeout_ms = METADATA_DEFAULT_DELETE_TIMEOUT_MS};
    *builder = (struct builder){.json = g_string_new("{"), .out = out};
}

static void builder_add(struct builder *builder, const char *key, const char *value, gsize length)
{
    builder->length += g_utf8_strlen(key, -1) + g_utf8_strlen(value, length);
    json_out_key(builder->json, key);
    json_out_string(builder->json, value, length);
    read_time(key, value, builder->out);
}

static gboolean builder_end(struct builder *builder, gboolean well_formed, GError **error)
{
    gboolean fits = builder->length <= METADATA_MAX_LENGTH;
    g_string_append_c(builder->json, '}');
    if (well_formed && fits)
        builder->out->json = g_ref_string_new_intern(builder->json->str);
    else if (well_formed)
        g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT,
                    "Param 'metadata' is illegal, the length should not exceed %d",
                    METADATA_MAX_LENGTH);
    g_string_free(builder->json, TRUE);
    return well_formed && fits;
}

static gboolean add_members(struct builder *builder, struct json_object *object)
{
    json_object_object_foreach(object, key, value)
    {
        if (!value)
            continue;
        if (json_object_is_type(value, json_type_object) ||
            json_object_is_type(value, json_type_array))
            return FALSE;
        const char *text = json_object_get_string(value);
        gsize length = json_object_is_type(value, json_type_string)
                           ? (gsize)json_object_get_string_len(value)
                           : strlen(text);
        builder_add(builder, key, text, length);
    }
    return TRUE;
}

/* `k=v,k2=v2`: each part has exactly one value; a repeated key is an error here, for a JSON object
 * has each key once. */
static gboolean add_pairs(struct builder *builder, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (char **part = parts; *part; part++) {
        char *value = strchr(*part, '=');
        if (!value || value == *part || !value[1] || strchr(value + 1, '='))
            return FALSE;
        *value++ = '\0';
        if (!g_hash_table_add(seen, *part))
            return FALSE;
        builder_add(builder, *part, value, strlen(value));
    }
    return TRUE;
}

static gboolean incorrect(const char *text, GError **error)
{
    g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_NACOS, "metadata format incorrect:%.200s",
                text);
    return FALSE;
}

gboolean metadata_from_json(struct json_object *object, struct metadata *out, GError **error)
{
    struct builder builder;
    if (object && !json_object_is_type(object, json_type_object))
        return incorrect(json_object_get_string(object), error);
    builder_begin(&builder, out);
    gboolean well_formed = !object || add_members(&builder, object);
    if (!well_formed)
        incorrect(json_object_get_string(object), error);
    return builder_end(&builder, well_formed, error);
}

gboolean metadata_parse(const char *text, struct metadata *out, GError **error)
{
    struct builder builder;
    g_autoptr(json_object) object = text && *text ? json_in_parse(text, strlen(text)) : NULL;
    if (!text || !*text || json_object_is_type(object, json_type_object))
        return metadata_from_json(object, out, error);
    builder_begin(&builder, out);
    gboolean well_formed = add_pairs(&builder, text);
    if (!well_formed)
        incorrect(text, error);
    return builder_end(&builder, well_formed, error);
}

gboolean metadata_merge(const struct metadata *base, const struct metadata *change, gboolean remove,
                        struct metadata *out, GError **error)
{
    struct builder builder;
    g_autoptr(json_object) old = json_in_parse(base->json, strlen(base->json));
    g_autoptr(json_object) changed = json_in_parse(change->json, strlen(change->json));
    json_object_object_foreach(changed, key, value)
    {
        if (remove)
            json_object_object_del(old, key);
        else
            json_object_object_add(old, key, json_object_get(value));
    }
    builder_begin(&builder, out);
    return builder_end(&builder, add_members(&builder, old), error);
}

void metadata_assign(struct metadata *to, const struct metadata *from)
{
    struct metadata copy = *from;
    g_ref_string_acquire(copy.json);
    metadata_clear(to);
    *to = copy;
}

void metadata_clear(struct metadata *metadata)
{
    g_clear_pointer(&metadata->json, g_ref_string_release);
}
