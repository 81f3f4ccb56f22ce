/* SPDX-License-Identifier: MIT */
#include "naming/instance.h"

#include <arpa/inet.h>
#include <string.h>

void instance_init(struct instance *instance)
{
    *instance = (struct instance){
        .weight = 1.0,
        .healthy = TRUE,
        .enabled = TRUE,
        .ephemeral = TRUE,
        .cluster_name = g_strdup(INSTANCE_DEFAULT_CLUSTER),
    };
}

void instance_clear(struct instance *instance)
{
    g_free(instance->ip);
    g_free(instance->cluster_name);
    g_strfreev(instance->metadata);
    memset(instance, 0, sizeof *instance);
}

void instance_copy(struct instance *to, const struct instance *from)
{
    *to = *from;
    to->ip = g_strdup(from->ip);
    to->cluster_name = g_strdup(from->cluster_name);
    to->metadata = g_strdupv(from->metadata);
}

struct instance *instance_dup(const struct instance *instance)
{
    struct instance *copy = g_new(struct instance, 1);
    instance_copy(copy, instance);
    return copy;
}

void instance_free(struct instance *instance)
{
    if (instance == NULL)
        return;
    instance_clear(instance);
    g_free(instance);
}

/* No metadata may be NULL or an empty array. */
static gboolean metadata_equal(char *const *a, char *const *b)
{
    guint n = a != NULL ? g_strv_length((char **)a) : 0;
    if (n != (b != NULL ? g_strv_length((char **)b) : 0))
        return FALSE;
    for (guint i = 0; i < n; i++)
        if (strcmp(a[i], b[i]) != 0)
            return FALSE;
    return TRUE;
}

gboolean instance_same(const struct instance *a, const struct instance *b)
{
    return a->port == b->port && g_strcmp0(a->ip, b->ip) == 0 &&
           g_strcmp0(a->cluster_name, b->cluster_name) == 0;
}

gboolean instance_equal(const struct instance *a, const struct instance *b)
{
    return instance_same(a, b) && a->weight == b->weight && !a->healthy == !b->healthy &&
           !a->enabled == !b->enabled && !a->ephemeral == !b->ephemeral &&
           metadata_equal(a->metadata, b->metadata);
}

enum address_kind { ADDRESS_IPV4, ADDRESS_IPV6, ADDRESS_NAME };

/* `number` gets the address in network order, so that memcmp orders it by value. */
static enum address_kind address_parse(const char *ip, guint8 number[16])
{
    memset(number, 0, 16);
    if (ip == NULL)
        return ADDRESS_NAME;
    if (inet_pton(AF_INET, ip, number) == 1)
        return ADDRESS_IPV4;
    if (inet_pton(AF_INET6, ip, number) == 1)
        return ADDRESS_IPV6;
    memset(number, 0, 16);
    return ADDRESS_NAME;
}

static int compare_ip(const char *a, const char *b)
{
    if (g_strcmp0(a, b) == 0)
        return 0;
    guint8 number_a[16], number_b[16];
    enum address_kind kind_a = address_parse(a, number_a), kind_b = address_parse(b, number_b);
    if (kind_a != kind_b)
        return kind_a < kind_b ? -1 : 1;
    int order = memcmp(number_a, number_b, sizeof number_a);
    /* ::1 and 0::1 are one number, but two registrations */
    return order != 0 ? order : g_strcmp0(a, b);
}

int instance_compare(const struct instance *a, const struct instance *b)
{
    int order = compare_ip(a->ip, b->ip);
    if (order != 0)
        return order;
    if (a->port != b->port)
        return a->port < b->port ? -1 : 1;
    return g_strcmp0(a->cluster_name, b->cluster_name);
}

/* Index of `key`, or of the entry before which it belongs. */
static guint metadata_search(char *const *metadata, const char *key, gboolean *found)
{
    guint i = 0;
    *found = FALSE;
    for (; metadata != NULL && metadata[i] != NULL; i += 2) {
        int order = strcmp(metadata[i], key);
        *found = order == 0;
        if (order >= 0)
            break;
    }
    return i;
}

const char *instance_get_metadata(const struct instance *instance, const char *key)
{
    gboolean found;
    guint i = metadata_search(instance->metadata, key, &found);
    return found ? instance->metadata[i + 1] : NULL;
}

static void metadata_remove(struct instance *instance, guint at)
{
    char **metadata = instance->metadata;
    g_free(metadata[at]);
    g_free(metadata[at + 1]);
    guint rest = g_strv_length(metadata + at + 2) + 1;
    memmove(metadata + at, metadata + at + 2, rest * sizeof *metadata);
    if (metadata[0] == NULL)
        g_clear_pointer(&instance->metadata, g_free);
}

static void metadata_insert(struct instance *instance, guint at, const char *key, const char *value)
{
    guint n = instance->metadata != NULL ? g_strv_length(instance->metadata) : 0;
    char **metadata = g_renew(char *, instance->metadata, n + 3);
    memmove(metadata + at + 2, metadata + at, (n - at) * sizeof *metadata);
    metadata[at] = g_strdup(key);
    metadata[at + 1] = g_strdup(value);
    metadata[n + 2] = NULL;
    instance->metadata = metadata;
}

void instance_set_metadata(struct instance *instance, const char *key, const char *value)
{
    gboolean found;
    guint at = metadata_search(instance->metadata, key, &found);
    if (!found && value != NULL) {
        metadata_insert(instance, at, key, value);
    } else if (found && value == NULL) {
        metadata_remove(instance, at);
    } else if (found) {
        char *old = instance->metadata[at + 1];
        instance->metadata[at + 1] = g_strdup(value);
        g_free(old);
    }
}

gboolean instance_is_callable(const struct instance *instance)
{
    return instance->healthy && instance->enabled && instance->weight > 0;
}

/* ms; servers and the Java client take what is no number for the default. */
static guint64 preserved(const struct instance *instance, const char *key, guint64 fallback)
{
    const char *text = instance_get_metadata(instance, key);
    guint64 ms;
    if (text == NULL || !g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &ms, NULL))
        return fallback;
    return ms;
}

const char *instance_refusal(const struct instance *instance)
{
    guint64 interval = preserved(instance, "preserved.heart.beat.interval", 5000);
    if (preserved(instance, "preserved.heart.beat.timeout", 15000) < interval)
        return "preserved.heart.beat.timeout is less than the interval between beats";
    if (preserved(instance, "preserved.ip.delete.timeout", 30000) < interval)
        return "preserved.ip.delete.timeout is less than the interval between beats";
    return NULL;
}
