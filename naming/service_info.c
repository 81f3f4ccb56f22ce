/* SPDX-License-Identifier: MIT */
#include "naming/service_info.h"

#include <stdlib.h>
#include <string.h>

struct service_key *service_key_new(const char *group, const char *name)
{
    struct service_key *key = g_new(struct service_key, 1);
    *key = (struct service_key){.group = g_strdup(group), .name = g_strdup(name)};
    return key;
}

struct service_key *service_key_dup(const struct service_key *key)
{
    return service_key_new(key->group, key->name);
}

void service_key_free(struct service_key *key)
{
    if (key == NULL)
        return;
    g_free(key->group);
    g_free(key->name);
    g_free(key);
}

guint service_key_hash(gconstpointer key)
{
    const struct service_key *service = key;
    return g_str_hash(service->group) * 31 + g_str_hash(service->name);
}

gboolean service_key_equal(gconstpointer a, gconstpointer b)
{
    const struct service_key *one = a, *other = b;
    return strcmp(one->name, other->name) == 0 && strcmp(one->group, other->group) == 0;
}

char *service_key_grouped(const struct service_key *key)
{
    return g_strconcat(key->group, "@@", key->name, NULL);
}

static int compare_hosts(const void *a, const void *b)
{
    return instance_compare(a, b);
}

static int compare_hosts_stably(gconstpointer a, gconstpointer b, gpointer unused)
{
    return instance_compare(a, b);
}

/* Keeps the first of equal neighbours; returns how many are left. */
static guint drop_duplicates(struct instance *hosts, guint n)
{
    guint kept = 0;
    for (guint i = 0; i < n; i++) {
        if (kept > 0 && instance_same(&hosts[kept - 1], &hosts[i])) {
            instance_clear(&hosts[i]);
        } else {
            struct instance host = hosts[i];
            memset(&hosts[i], 0, sizeof host);
            hosts[kept++] = host;
        }
    }
    return kept;
}

struct service_info *service_info_new(const struct service_key *key, const char *clusters,
                                      struct instance *hosts, guint n)
{
    struct service_info *info = g_new0(struct service_info, 1);
    info->ref_count = 1;
    info->key.group = g_strdup(key->group);
    info->key.name = g_strdup(key->name);
    info->clusters = g_strdup(clusters);
    info->source = "server";
    if (n == 0)
        return info;
    info->hosts = g_memdup2(hosts, n * sizeof *hosts);
    memset(hosts, 0, n * sizeof *hosts);
    /* stable, so that of duplicates the one that the server named first stays */
    g_qsort_with_data(info->hosts, (int)n, sizeof *info->hosts, compare_hosts_stably, NULL);
    info->n_hosts = drop_duplicates(info->hosts, n);
    return info;
}

struct service_info *service_info_ref(struct service_info *info)
{
    info->ref_count++;
    return info;
}

void service_info_unref(struct service_info *info)
{
    if (info == NULL || --info->ref_count > 0)
        return;
    for (guint i = 0; i < info->n_hosts; i++)
        instance_clear(&info->hosts[i]);
    g_free(info->hosts);
    g_free(info->clusters);
    g_free(info->key.group);
    g_free(info->key.name);
    g_free(info);
}

const struct instance *service_info_find(const struct service_info *info,
                                         const struct instance *like)
{
    if (info->n_hosts == 0)
        return NULL;
    return bsearch(like, info->hosts, info->n_hosts, sizeof *info->hosts, compare_hosts);
}

const struct instance *service_info_pick(const struct service_info *info, double random)
{
    double total = 0;
    for (guint i = 0; i < info->n_hosts; i++)
        if (instance_is_callable(&info->hosts[i]))
            total += info->hosts[i].weight;

    const struct instance *last = NULL;
    double rest = random * total;
    for (guint i = 0; i < info->n_hosts; i++) {
        if (!instance_is_callable(&info->hosts[i]))
            continue;
        last = &info->hosts[i];
        rest -= last->weight;
        if (rest < 0)
            break;
    }
    return last; /* rounding may leave a rest of 0 behind the last one */
}
