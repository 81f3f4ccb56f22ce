/* SPDX-License-Identifier: MIT
 *
 * One instance of a service: a plain value, the subset of
 * com.alibaba.nacos.api.naming.pojo.Instance that means something to a user. No I/O, no context:
 * usable anywhere.
 */
#pragma once

#include <glib.h>

#define INSTANCE_DEFAULT_CLUSTER "DEFAULT" /* Constants.DEFAULT_CLUSTER_NAME */
#define INSTANCE_MAX_WEIGHT 10000.0 /* Constants of com.alibaba.nacos.naming Service.validate */

struct instance {
    char *ip;      /* owned; IPv4, IPv6 without brackets, host name, or whatever a server lists */
    guint16 port;  /* 1..65535 */
    double weight; /* 0..10000; 0 = takes no calls */
    gboolean healthy;   /* the server's opinion */
    gboolean enabled;   /* FALSE = taken offline by a person; servers do not list these */
    gboolean ephemeral; /* TRUE = lives by heartbeats, FALSE = kept and probed by the server */
    char *cluster_name; /* owned; never NULL once initialised */
    char **metadata;    /* owned; key, value, key, value, ..., NULL; sorted by key bytewise, keys
                           unique; NULL = none */
};

/* Fills in Nacos' defaults: weight 1, healthy, enabled, ephemeral, cluster DEFAULT, no metadata,
 * ip NULL, port 0. Whatever `instance` held before is overwritten, not freed. */
void instance_init(struct instance *instance);

/* Frees what the members own and leaves zeroes; safe on zeroed memory. */
void instance_clear(struct instance *instance);

/* Deep copy into uninitialised memory. */
void instance_copy(struct instance *to, const struct instance *from);

/* New heap copy; free it with instance_free. */
struct instance *instance_dup(const struct instance *instance);
void instance_free(struct instance *instance);

/* All members equal (what decides whether an InstancesChangeEvent says "modified"). */
gboolean instance_equal(const struct instance *a, const struct instance *b);

/* The same registration: ip, port and cluster equal. */
gboolean instance_same(const struct instance *a, const struct instance *b);

/* Order of the lines in a list: IPv4 by number, then IPv6 by number, then names bytewise; then
 * port, then cluster bytewise. 0 exactly when instance_same. */
int instance_compare(const struct instance *a, const struct instance *b);

/* Value of metadata `key`, borrowed from the instance; NULL if absent. */
const char *instance_get_metadata(const struct instance *instance, const char *key);

/* Sets (replaces) or, with value NULL, removes one metadata key; keeps the order. Copies both. */
void instance_set_metadata(struct instance *instance, const char *key, const char *value);

/* One Instance in Nacos' JSON (the field names of com.alibaba.nacos.api.naming.pojo.Instance; what
 * is not named has its default) into uninitialised memory. Unknown fields, wrong types and numbers
 * out of range are refused: FALSE and a reason in *why (new string). *has_cluster: it names one.
 * Implemented by codec_instance.c. */
gboolean instance_from_json(const char *text, gsize length, struct instance *instance,
                            gboolean *has_cluster, char **why);

/* What is wrong with the times in its metadata (PreservedMetadataKeys): an instance must be beaten
 * before it counts as unhealthy and before it is removed (NamingUtils.checkInstanceIsLegal). Static
 * words; NULL = nothing. */
const char *instance_refusal(const struct instance *instance);

/* A client may call it: healthy, enabled and weight > 0 (NamingService.selectInstances(true)). */
gboolean instance_is_callable(const struct instance *instance);

/* g_auto(instance) releases by type. GLib wants one word as the type's name; gcc then calls every
 * variable `instance` a shadow of it (clang does not), so here only variables count as shadowed. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic warning "-Wshadow=local"
#endif
typedef struct instance instance;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(instance, instance_clear)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(instance, instance_free)
