/* SPDX-License-Identifier: MIT
 *
 * The Open API's calls, one function each. openapi.c has the table that leads to them.
 */
#pragma once

#include "naming/registry/params.h"
#include "naming/registry/registry.h"

/* One request. All is borrowed. */
struct api_call {
    struct registry *registry;
    const struct params *params;
    const char *user_agent;      /* "" if there is none */
    const struct sockaddr *peer; /* who asks, by the TCP connection alone */
};

/* Appends the body of a successful answer to `out`, or returns FALSE with a REGISTRY_ERROR; then
 * nothing was changed and `out` does not count. */
typedef gboolean (*api_fn)(const struct api_call *call, GString *out, GError **error);

gboolean api_register_instance(const struct api_call *call, GString *out, GError **error);
gboolean api_update_instance(const struct api_call *call, GString *out, GError **error);
gboolean api_deregister_instance(const struct api_call *call, GString *out, GError **error);
gboolean api_instance(const struct api_call *call, GString *out, GError **error);
gboolean api_beat(const struct api_call *call, GString *out, GError **error);
gboolean api_list(const struct api_call *call, GString *out, GError **error);

gboolean api_create_service(const struct api_call *call, GString *out, GError **error);
gboolean api_update_service(const struct api_call *call, GString *out, GError **error);
gboolean api_remove_service(const struct api_call *call, GString *out, GError **error);
gboolean api_service(const struct api_call *call, GString *out, GError **error);
gboolean api_service_list(const struct api_call *call, GString *out, GError **error);
gboolean api_catalog_services(const struct api_call *call, GString *out, GError **error);

gboolean api_metrics(const struct api_call *call, GString *out, GError **error);
gboolean api_namespaces(const struct api_call *call, GString *out, GError **error);
gboolean api_server_state(const struct api_call *call, GString *out, GError **error);

/* What the calls share. */

/* namespaceId, "public" if absent. Borrowed. */
const char *api_namespace(const struct api_call *call);
/* serviceName and groupName as GROUP@@SERVICE; new string, NULL with an error. */
char *api_service_name(const struct api_call *call, GError **error);
/* Java's client of 1.0.0 or later: expects names with their group everywhere, and PUT of an
 * instance that is not there to fail (InstanceController 1.4.8). */
gboolean api_is_java_client(const struct api_call *call);
