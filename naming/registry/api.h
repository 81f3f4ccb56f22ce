/* SPDX-License-Identifier: MIT
 *
 * The Open API's calls, one function each. openapi.c has the table that leads to them.
 */
#pragma once

#include "naming/registry/auth.h"
#include "naming/registry/params.h"
#include "naming/registry/registry.h"

#define API_NACOS_VERSION "1.4.8" /* whose API this is; clients compare it */

/* One request. All is borrowed. */
struct api_call {
    struct registry *registry;
    const struct params *params;
    const char *user_agent;      /* "" if there is none */
    const struct sockaddr *peer; /* who asks, by the TCP connection alone */
    int socket;                  /* that connection's */
    const struct auth *auth;
    const struct auth_identity *identity; /* whom the credentials of the request show */
};

/* Appends the body of a successful answer to `out`, or returns FALSE with a REGISTRY_ERROR; then
 * nothing was changed and `out` does not count. */
typedef gboolean (*api_fn)(const struct api_call *call, GString *out, GError **error);

gboolean api_register_instance(const struct api_call *call, GString *out, GError **error);
gboolean api_update_instance(const struct api_call *call, GString *out, GError **error);
gboolean api_deregister_instance(const struct api_call *call, GString *out, GError **error);
gboolean api_instance(const struct api_call *call, GString *out, GError **error);
gboolean api_patch_instance(const struct api_call *call, GString *out, GError **error);
gboolean api_merge_metadata(const struct api_call *call, GString *out, GError **error);
gboolean api_remove_metadata(const struct api_call *call, GString *out, GError **error);
gboolean api_statuses(const struct api_call *call, GString *out, GError **error);
gboolean api_beat(const struct api_call *call, GString *out, GError **error);
gboolean api_list(const struct api_call *call, GString *out, GError **error);

gboolean api_create_service(const struct api_call *call, GString *out, GError **error);
gboolean api_update_service(const struct api_call *call, GString *out, GError **error);
gboolean api_remove_service(const struct api_call *call, GString *out, GError **error);
gboolean api_service(const struct api_call *call, GString *out, GError **error);
gboolean api_service_list(const struct api_call *call, GString *out, GError **error);
gboolean api_service_names(const struct api_call *call, GString *out, GError **error);
gboolean api_subscribers(const struct api_call *call, GString *out, GError **error);
gboolean api_catalog_services(const struct api_call *call, GString *out, GError **error);
gboolean api_catalog_service(const struct api_call *call, GString *out, GError **error);
gboolean api_catalog_instances(const struct api_call *call, GString *out, GError **error);

gboolean api_login(const struct api_call *call, GString *out, GError **error);

gboolean api_update_cluster(const struct api_call *call, GString *out, GError **error);
gboolean api_update_health(const struct api_call *call, GString *out, GError **error);
gboolean api_health_figures(const struct api_call *call, GString *out, GError **error);

gboolean api_metrics(const struct api_call *call, GString *out, GError **error);
gboolean api_switches(const struct api_call *call, GString *out, GError **error);
gboolean api_set_switch(const struct api_call *call, GString *out, GError **error);
gboolean api_servers(const struct api_call *call, GString *out, GError **error);
gboolean api_cluster_nodes(const struct api_call *call, GString *out, GError **error);
gboolean api_namespaces(const struct api_call *call, GString *out, GError **error);
gboolean api_create_namespace(const struct api_call *call, GString *out, GError **error);
gboolean api_update_namespace(const struct api_call *call, GString *out, GError **error);
gboolean api_remove_namespace(const struct api_call *call, GString *out, GError **error);
gboolean api_server_state(const struct api_call *call, GString *out, GError **error);
gboolean api_health_ok(const struct api_call *call, GString *out, GError **error);

/* What the calls share. */

/* One page of a list. Pages count from 1; a smaller number is 1. */
struct api_page {
    gint number;
    gint size;
    guint matching; /* entries seen so far that match, on whatever page */
};

/* pageNo and pageSize; both must be there. */
gboolean api_page_read(const struct api_call *call, struct api_page *page, GError **error);
/* Counts one more match; TRUE if it is on the page. */
gboolean api_page_takes(struct api_page *page);
/* What only the word true turns on. */
gboolean api_is_true(const struct api_call *call, const char *name);
/* ip, port, cluster and kind of the instance that is meant; the first two must be there. */
gboolean api_read_id(const struct api_call *call, struct store_id *id, GError **error);

/* namespaceId, "public" if absent. Borrowed. */
const char *api_namespace(const struct api_call *call);
/* serviceName and groupName as GROUP@@SERVICE; new string, NULL with an error. */
char *api_service_name(const struct api_call *call, GError **error);
/* Java's client of 1.0.0 or later: expects names with their group everywhere, and PUT of an
 * instance that is not there to fail (InstanceController 1.4.8). */
gboolean api_is_java_client(const struct api_call *call);
