/* SPDX-License-Identifier: MIT */
#include "naming/codec.h"

#include "naming/codec_json.h"

#include <json-c/json.h>
#include <malloc.h>
#include <string.h>

#define IP_MAX 512                     /* bytes; ParamCheckRule of 2.x takes 128 */
#define CACHE_MILLIS_DEFAULT 1000      /* ServiceInfo.cacheMillis of the Java client */
#define CACHE_MILLIS_MAX (3600 * 1000) /* an hour; more would mean never */
#define TRIM_FROM (1024 * 1024)        /* bytes of text whose tree is worth giving back */

/* Instance.metadata: scalars become text, null is left out (1.4.8); FALSE for anything nested. */
static gboolean metadata_decode(json_object *value, struct instance *host)
{
    if (value == NULL)
        return TRUE;
    if (!json_object_is_type(value, json_type_object))
        return FALSE;
    json_object_object_foreach(value, key, member)
    {
        enum json_type type = json_object_get_type(member);
        const char *text = codec_string(member);
        if (type == json_type_boolean || type == json_type_int || type == json_type_double)
            text = json_object_to_json_string(member);
        if (type != json_type_null && text == NULL)
            return FALSE;
        if (text != NULL)
            instance_set_metadata(host, key, text);
    }
    return TRUE;
}

static gboolean address_decode(json_object *value, struct instance *host)
{
    const char *ip = NULL, *cluster = NULL;
    gint64 port = 0;
    if (!codec_get_string(value, "ip", &ip) || !codec_get_int(value, "port", &port) ||
        !codec_get_string(value, "clusterName", &cluster))
        return FALSE;
    if (ip == NULL || *ip == '\0' || strlen(ip) > IP_MAX || port < 1 || port > G_MAXUINT16)
        return FALSE;
    host->ip = g_strdup(ip);
    host->port = (guint16)port;
    if (cluster != NULL && *cluster != '\0') {
        g_free(host->cluster_name);
        host->cluster_name = g_strdup(cluster);
    }
    return TRUE;
}

gboolean codec_host(json_object *value, struct instance *host)
{
    instance_init(host);
    if (!json_object_is_type(value, json_type_object) || !address_decode(value, host))
        return FALSE;
    /* 1.x of old said `valid` only; where both stand they are equal */
    if (!codec_get_boolean(value, "valid", &host->healthy) ||
        !codec_get_boolean(value, "healthy", &host->healthy) ||
        !codec_get_boolean(value, "enabled", &host->enabled) ||
        !codec_get_boolean(value, "ephemeral", &host->ephemeral) ||
        !codec_get_double(value, "weight", &host->weight))
        return FALSE;
    return host->weight >= 0 && host->weight <= INSTANCE_MAX_WEIGHT &&
           metadata_decode(json_object_object_get(value, "metadata"), host);
}

/* `name` and `groupName` as a service: NamingUtils.getGroupName, getServiceName. NULL if there is
 * no name. `group` is what an ungrouped name without groupName belongs to. */
static struct service_key *key_decode(const char *name, const char *group_name, const char *group)
{
    if (name == NULL)
        return NULL;
    const char *at = strstr(name, "@@");
    if (at == NULL) {
        if (group_name == NULL || *group_name == '\0')
            group_name = group;
        return *name != '\0' ? service_key_new(group_name, name) : NULL;
    }
    g_autofree char *before = g_strndup(name, at - name);
    if (*before == '\0' || at[2] == '\0')
        return NULL;
    if (group_name != NULL && *group_name != '\0' && strcmp(group_name, before) != 0)
        return NULL;
    return service_key_new(before, at + 2);
}

static struct service_key *service_decode(json_object *root, const struct service_key *expected,
                                          char **why)
{
    const char *name = NULL, *group_name = NULL;
    if (!codec_get_string(root, "name", &name) ||
        !codec_get_string(root, "groupName", &group_name)) {
        codec_refuse(why, "name or groupName is no text");
        return NULL;
    }
    const char *group = expected != NULL ? expected->group : "DEFAULT_GROUP";
    g_autoptr(service_key) key = key_decode(name, group_name, group);
    if (key == NULL) {
        codec_refuse(why, "it names no service");
        return NULL;
    }
    if (expected != NULL && !service_key_equal(key, expected)) {
        codec_refuse(why, "it is about %s@@%s, not %s@@%s", key->group, key->name, expected->group,
                     expected->name);
        return NULL;
    }
    return g_steal_pointer(&key);
}

/* NULL only when there is no memory for that many. */
static struct instance *hosts_decode(json_object *array, guint *n, guint *dropped)
{
    size_t length = json_object_array_length(array);
    struct instance *hosts = g_try_new0(struct instance, length + 1);
    *n = *dropped = 0;
    for (size_t i = 0; hosts != NULL && i < length; i++) {
        if (codec_host(json_object_array_get_idx(array, i), &hosts[*n])) {
            (*n)++;
        } else {
            instance_clear(&hosts[*n]);
            (*dropped)++;
        }
    }
    return hosts;
}

static struct service_info *info_decode(json_object *root, const struct service_key *key,
                                        guint *dropped, char **why)
{
    const char *clusters = "";
    gboolean all_ips = FALSE;
    gint64 last_ref_time = 0, cache_millis = CACHE_MILLIS_DEFAULT;
    json_object *array = json_object_object_get(root, "hosts");
    if (!json_object_is_type(array, json_type_array)) {
        codec_refuse(why, "it has no list of hosts");
        return NULL;
    }
    if (!codec_get_string(root, "clusters", &clusters) ||
        !codec_get_int(root, "lastRefTime", &last_ref_time) ||
        !codec_get_int(root, "cacheMillis", &cache_millis) || last_ref_time < 0) {
        codec_refuse(why, "clusters, lastRefTime or cacheMillis makes no sense");
        return NULL;
    }
    codec_get_boolean(root, "allIPs", &all_ips); /* to 2.5; what is no boolean counts as false */
    codec_get_boolean(root, "allIps", &all_ips); /* 3.x */
    guint n;
    g_autofree struct instance *hosts = hosts_decode(array, &n, dropped);
    if (hosts == NULL) {
        codec_refuse(why, "too many hosts");
        return NULL;
    }
    struct service_info *info = service_info_new(key, clusters, hosts, n);
    info->last_ref_time = last_ref_time;
    info->all_ips = all_ips;
    info->cache_millis = CLAMP(cache_millis, CACHE_MILLIS_DEFAULT, CACHE_MILLIS_MAX);
    return info;
}

struct service_info *codec_service_info(const char *text, gsize length,
                                        const struct service_key *expected, guint *dropped,
                                        char **why)
{
    guint left_out = 0;
    g_autoptr(json_object) root = codec_parse_object(text, length, why);
    if (root == NULL)
        return NULL;
    g_autoptr(service_key) key = service_decode(root, expected, why);
    struct service_info *info = key != NULL ? info_decode(root, key, &left_out, why) : NULL;
    if (info != NULL)
        info->n_dropped = left_out;
    if (dropped != NULL)
        *dropped = left_out;
    if (length > TRIM_FROM) {
        /* the tree has ten times the size of the text, and glibc keeps it unless told otherwise */
        g_clear_pointer(&root, codec_put);
        malloc_trim(0);
    }
    return info;
}
