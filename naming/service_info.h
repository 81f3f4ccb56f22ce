/* SPDX-License-Identifier: MIT
 *
 * What a server said of one service at one moment: com.alibaba.nacos.api.naming.pojo.ServiceInfo as
 * an immutable, reference counted snapshot. Hosts are sorted by instance_compare and unique in
 * instance_same. No I/O. Reference counts are not atomic: one loop.
 */
#pragma once

#include "naming/instance.h"

/* A service of the mount's one namespace. */
struct service_key {
    char *group; /* owned by whoever made the key; "DEFAULT_GROUP" */
    char *name;  /* the same; without group, "order-svc" */
};

struct service_info {
    guint ref_count;
    struct service_key key;
    char *clusters;       /* the cluster filter it was asked with, "" = all */
    gint64 last_ref_time; /* ms since epoch by the server's clock; 0 = it said nothing */
    gint64 cache_millis;  /* poll interval that the server asks for, ms */
    gboolean all_ips;     /* the server vouches for it, however empty it is (allIPs) */
    const char *source;   /* static; "server", or the file it was read from: "disk", "failover" */
    gint64 written; /* monotonic us when that file was written, may be negative; 0 = no file */
    guint n_hosts;
    guint n_dropped;        /* hosts of the reply that made no sense and were left out */
    struct instance *hosts; /* sorted, unique */
};

struct service_key *service_key_new(const char *group, const char *name);
struct service_key *service_key_dup(const struct service_key *key);
void service_key_free(struct service_key *key);
guint service_key_hash(gconstpointer key);                    /* for GHashTable */
gboolean service_key_equal(gconstpointer a, gconstpointer b); /* for GHashTable */
/* "GROUP@@NAME", new string: the name that servers use (NamingUtils.getGroupedName). */
char *service_key_grouped(const struct service_key *key);

/* Takes the `n` instances of `hosts` (their members move into the snapshot; the array itself stays
 * the caller's and is left zeroed), sorts them and drops later duplicates. New reference. */
struct service_info *service_info_new(const struct service_key *key, const char *clusters,
                                      struct instance *hosts, guint n);
struct service_info *service_info_ref(struct service_info *info);
void service_info_unref(struct service_info *info); /* NULL is fine */

/* The host that is instance_same as `like`, borrowed; NULL if none. Binary search. */
const struct instance *service_info_find(const struct service_info *info,
                                         const struct instance *like);

/* One callable host by weight, `random` in [0,1) (Balancer.getHostByRandomWeight); borrowed; NULL
 * if no host is callable. */
const struct instance *service_info_pick(const struct service_info *info, double random);

/* ServiceInfo in the Open API's JSON, one line with a newline at the end, fixed key order, hosts in
 * order; no checksum. New string. Implemented by codec.c, the one file that knows JSON. */
char *service_info_to_json(const struct service_info *info);

/* `text`, UTF-8, as a JSON string with its quotes. New string. Implemented by codec.c's encoder,
 * too.
 */
char *service_info_json_string(const char *text);

typedef struct service_info service_info;
typedef struct service_key service_key;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(service_info, service_info_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(service_key, service_key_free)
