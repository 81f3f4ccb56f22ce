/* SPDX-License-Identifier: MIT
 *
 * The JSON of Nacos 1.4.8 about services and instances, in its order of fields. Where its replies
 * leave things out, clients are better served with them: groupName, and lastRefTime also for a
 * service that is not known.
 */
#pragma once

#include "naming/registry/store.h"

#define SERVICE_JSON_CACHE_MILLIS 3000 /* defaultCacheMillis: not subscribed */
#define SERVICE_JSON_PUSH_CACHE_MILLIS                                                             \
    10000 /* defaultPushCacheMillis: subscribed, and in pushes                                     \
           */

/* What a list is to show; strings are borrowed. */
struct service_view {
    const char *service;  /* GROUP@@SERVICE, as `name` repeats it */
    const char *clusters; /* comma list, "" = all; repeated verbatim */
    const char *env;      /* repeated verbatim */
    gboolean healthy_only;
    gboolean grouped; /* whether dom and hosts[].serviceName carry their group */
    gint cache_millis;
    gint64 ref_time; /* lastRefTime, by store_ref_time */
};

/* ServiceInfo; `service` NULL = not known: no hosts. */
void service_json_list(GString *out, struct store_service *service,
                       const struct service_view *view);

/* Answer of GET /instance. */
void service_json_instance(GString *out, const struct store_instance *instance);

/* Answer of GET /service. */
void service_json_service(GString *out, const struct store_service *service);

/* Names of the clusters that have instances, in the order of those, then of the other configured
 * ones. New array; the names are borrowed. */
GPtrArray *service_json_clusters(const struct store_service *service);

/* Appends the "healthChecker" member, without its password. */
void service_json_checker(GString *out, const struct store_cluster *cluster);

/* Appends the "instanceId" member. */
void service_json_instance_id(GString *out, const struct store_instance *instance);

/* One member of catalog/services' serviceList. */
void service_json_catalog(GString *out, const struct store_service *service);
