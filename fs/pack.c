/* SPDX-License-Identifier: MIT */
#include "fs/pack.h"

#include <math.h>
#include <string.h>

/* ip, port, weight, healthy, enabled, ephemeral, cluster, metadata (key, value, ...). Bytestrings:
 * what servers list need not be UTF-8. */
#define INSTANCE "(ayqdbbbayaay)"
/* group, name, clusters, lastRefTime, cacheMillis, place of the source in `sources`, when its file
 * was written */
#define LIST "(ayayayxxyx)"

/* service_info.source; what stands in a state keeps its place. */
static const char *const sources[] = {"server", "disk", "failover"};

static const char *const none[] = {NULL};

static GVariant *instance_variant(const struct instance *from)
{
    const char *const *metadata = from->metadata ? (const char *const *)from->metadata : none;
    return g_variant_new("(^ayqdbbb^ay^aay)", from->ip ? from->ip : "", from->port, from->weight,
                         from->healthy, from->enabled, from->ephemeral, from->cluster_name,
                         metadata);
}

static GBytes *bytes_of(GVariant *variant)
{
    g_autoptr(GVariant) owned = g_variant_ref_sink(variant);
    return g_variant_get_data_as_bytes(owned);
}

static GVariant *variant_of(const char *type, const void *bytes, gsize length)
{
    /* GVariant wants its bytes aligned. */
    g_autoptr(GBytes) copy = g_bytes_new(bytes, length);
    GVariant *variant = g_variant_new_from_bytes(G_VARIANT_TYPE(type), copy, FALSE);
    return g_variant_ref_sink(variant);
}

GBytes *pack_instance(const struct instance *instance)
{
    return bytes_of(instance_variant(instance));
}

/* FALSE for a weight that no list has: not even equal to itself, it would be news for ever. */
static gboolean take_instance(GVariant *variant, struct instance *to)
{
    char **metadata;
    g_variant_get(variant, "(^ayqdbbb^ay^aay)", &to->ip, &to->port, &to->weight, &to->healthy,
                  &to->enabled, &to->ephemeral, &to->cluster_name, &metadata);
    if (g_strv_length(metadata) % 2 || !*metadata) /* none, or damaged: a key without a value */
        g_clear_pointer(&metadata, g_strfreev);
    to->metadata = metadata;
    return isfinite(to->weight);
}

gboolean unpack_instance(const void *bytes, gsize length, struct instance *instance)
{
    g_autoptr(GVariant) variant = variant_of(INSTANCE, bytes, length);
    *instance = (struct instance){0};
    if (!g_variant_is_normal_form(variant))
        return FALSE;
    if (take_instance(variant, instance))
        return TRUE;
    instance_clear(instance);
    return FALSE;
}

static guint8 place_of(const char *source)
{
    for (guint8 i = 0; i < G_N_ELEMENTS(sources); i++)
        if (strcmp(sources[i], source) == 0)
            return i;
    return 0;
}

/* Parts of a list stand behind each other: each as its length, and its bytes up to a place where
 * the next may begin. One GVariant of all hosts would be many small ones until it is whole, memory
 * that GLib keeps. */
#define PART_ALIGN 8

static gsize padded(gsize length)
{
    return (length + PART_ALIGN - 1) / PART_ALIGN * PART_ALIGN;
}

static void append_part(GByteArray *out, GVariant *variant)
{
    static const guint8 zeroes[PART_ALIGN];
    g_autoptr(GBytes) bytes = bytes_of(variant);
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    guint64 told = length;
    g_byte_array_append(out, (const guint8 *)&told, sizeof told);
    g_byte_array_append(out, data, (guint)length);
    g_byte_array_append(out, zeroes, (guint)(padded(length) - length));
}

/* The next part of what is at *at; NULL at its end, or if it makes no sense. */
static GVariant *take_part(const char *type, const char **at, gsize *left)
{
    guint64 length;
    if (*left < sizeof length)
        return NULL;
    memcpy(&length, *at, sizeof length);
    if (length > *left - sizeof length || padded(length) > *left - sizeof length)
        return NULL;
    g_autoptr(GVariant) variant = variant_of(type, *at + sizeof length, length);
    *at += sizeof length + padded(length);
    *left -= sizeof length + padded(length);
    return g_variant_is_normal_form(variant) ? g_steal_pointer(&variant) : NULL;
}

GBytes *pack_list(const struct service_info *info)
{
    GByteArray *out = g_byte_array_new();
    append_part(out, g_variant_new("(^ay^ay^ayxxyx)", info->key.group, info->key.name,
                                   info->clusters, info->last_ref_time, info->cache_millis,
                                   place_of(info->source), info->written));
    for (guint i = 0; i < info->n_hosts; i++)
        append_part(out, instance_variant(&info->hosts[i]));
    return g_byte_array_free_to_bytes(out);
}

static GArray *take_instances(const char *at, gsize left)
{
    GArray *instances = g_array_new(FALSE, FALSE, sizeof(struct instance));
    g_array_set_clear_func(instances, (GDestroyNotify)instance_clear);
    while (left > 0) {
        g_autoptr(GVariant) part = take_part(INSTANCE, &at, &left);
        struct instance instance = {0};
        gboolean good = part && take_instance(part, &instance);
        g_array_append_val(instances, instance);
        if (!good) {
            g_array_unref(instances);
            return NULL;
        }
    }
    return instances;
}

struct service_info *unpack_list(const void *bytes, gsize length)
{
    const char *at = bytes;
    g_autoptr(GVariant) head = take_part(LIST, &at, &length);
    g_autoptr(GArray) instances = head ? take_instances(at, length) : NULL;
    if (!instances)
        return NULL;
    g_autofree char *group = NULL, *name = NULL, *clusters = NULL;
    gint64 last_ref_time, cache_millis, written;
    guint8 source;
    g_variant_get(head, "(^ay^ay^ayxxyx)", &group, &name, &clusters, &last_ref_time, &cache_millis,
                  &source, &written);
    const struct service_key key = {group, name};
    struct service_info *info = service_info_new(
        &key, clusters, (struct instance *)(void *)instances->data, instances->len);
    info->last_ref_time = last_ref_time;
    info->cache_millis = cache_millis;
    info->source = sources[MIN(source, G_N_ELEMENTS(sources) - 1)];
    info->written = written;
    return info;
}
