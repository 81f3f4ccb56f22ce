/* SPDX-License-Identifier: MIT */
#include "fs/pack.h"

#include <string.h>

/* ip, port, weight, healthy, enabled, ephemeral, cluster, metadata (key, value, ...). Bytestrings:
 * what servers list need not be UTF-8. */
#define INSTANCE "(ayqdbbbayaay)"
/* group, name, clusters, lastRefTime, cacheMillis, place of the source in `sources`, when its file
 * was written, hosts */
#define LIST "(ayayayxxyxa" INSTANCE ")"

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

static void take_instance(GVariant *variant, struct instance *to)
{
    char **metadata;
    g_variant_get(variant, "(^ayqdbbb^ay^aay)", &to->ip, &to->port, &to->weight, &to->healthy,
                  &to->enabled, &to->ephemeral, &to->cluster_name, &metadata);
    if (g_strv_length(metadata) % 2 || !*metadata) /* none, or damaged: a key without a value */
        g_clear_pointer(&metadata, g_strfreev);
    to->metadata = metadata;
}

gboolean unpack_instance(const void *bytes, gsize length, struct instance *instance)
{
    g_autoptr(GVariant) variant = variant_of(INSTANCE, bytes, length);
    *instance = (struct instance){0};
    if (!g_variant_is_normal_form(variant))
        return FALSE;
    take_instance(variant, instance);
    return TRUE;
}

static guint8 place_of(const char *source)
{
    for (guint8 i = 0; i < G_N_ELEMENTS(sources); i++)
        if (strcmp(sources[i], source) == 0)
            return i;
    return 0;
}

GBytes *pack_list(const struct service_info *info)
{
    g_auto(GVariantBuilder) hosts = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a" INSTANCE));
    for (guint i = 0; i < info->n_hosts; i++)
        g_variant_builder_add_value(&hosts, instance_variant(&info->hosts[i]));
    return bytes_of(g_variant_new("(^ay^ay^ayxxyxa" INSTANCE ")", info->key.group, info->key.name,
                                  info->clusters, info->last_ref_time, info->cache_millis,
                                  place_of(info->source), info->written, &hosts));
}

struct service_info *unpack_list(const void *bytes, gsize length)
{
    g_autoptr(GVariant) variant = variant_of(LIST, bytes, length);
    if (!g_variant_is_normal_form(variant))
        return NULL;
    g_autofree char *clusters = NULL;
    g_autoptr(GVariant) hosts = NULL;
    struct service_key key;
    gint64 last_ref_time, cache_millis, written;
    guint8 source;
    g_variant_get(variant, "(^ay^ay^ayxxyx@a" INSTANCE ")", &key.group, &key.name, &clusters,
                  &last_ref_time, &cache_millis, &source, &written, &hosts);
    guint n = (guint)g_variant_n_children(hosts);
    g_autofree struct instance *instances = g_new0(struct instance, n);
    for (guint i = 0; i < n; i++) {
        g_autoptr(GVariant) host = g_variant_get_child_value(hosts, i);
        take_instance(host, &instances[i]);
    }
    struct service_info *info = service_info_new(&key, clusters, instances, n);
    info->last_ref_time = last_ref_time;
    info->cache_millis = cache_millis;
    info->source = sources[MIN(source, G_N_ELEMENTS(sources) - 1)];
    info->written = written;
    g_free(key.group);
    g_free(key.name);
    return info;
}
