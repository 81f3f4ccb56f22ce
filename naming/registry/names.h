/* SPDX-License-Identifier: MIT
 *
 * Which names the registry takes: the characters of Nacos 1.4.8 (Service.validate,
 * Cluster.validate), the lengths of 2.x (ParamCheckRule). Pure. Every FALSE or NULL comes with
 * REGISTRY_ERROR_ARGUMENT.
 */
#pragma once

#include <glib.h>

#define NAMES_DEFAULT_GROUP "DEFAULT_GROUP"
#define NAMES_DEFAULT_CLUSTER "DEFAULT"
#define NAMES_DEFAULT_NAMESPACE "public"
#define NAMES_SEPARATOR "@@"

#define NAMES_MAX_SERVICE 512
#define NAMES_MAX_GROUP 128
#define NAMES_MAX_CLUSTER 64
#define NAMES_MAX_NAMESPACE 64
#define NAMES_MAX_IP 128
#define NAMES_MAX_PORT 65535

/* The server's key GROUP@@SERVICE of the two forms that clients send (DistroFilter): a service name
 * that has its group already makes `group` meaningless; `group` NULL = DEFAULT_GROUP. Checks the
 * form and the lengths, not the characters: what cannot exist is merely unknown to a query. New
 * string. */
char *names_grouped(const char *service, const char *group, GError **error);

/* Service name without its group; borrowed from `grouped`. */
const char *names_service(const char *grouped);
/* The group of a grouped name; new string. */
char *names_group(const char *grouped);

/* Whether something may be made under these names. */
gboolean names_check_service(const char *grouped, GError **error);
gboolean names_check_cluster(const char *cluster, GError **error);
gboolean names_check_namespace(const char *namespace_id, GError **error);
/* An address of an instance is any printable ASCII without blanks: IPv4, IPv6 or a host name. */
gboolean names_check_ip(const char *ip, GError **error);
gboolean names_check_port(gint port, GError **error);
