/* SPDX-License-Identifier: MIT
 *
 * Addresses as the line and the file names in hosts/ write them: IPv4:PORT, [IPv6]:PORT or
 * NAME:PORT (letters, digits, '.', '-', '_', 253 bytes at most), port 1..65535. Pure.
 */
#pragma once

#include "naming/naming.h"

/* Parses `text` (length bytes) into *ip (new string, IPv6 without brackets, in inet_ntop's
 * spelling) and *port. A name of digits and dots alone must be an IPv4 address; a port has no
 * leading zero. Without `own_ip` an address without host (":8080") is refused, else it takes
 * own_ip. FALSE and a reason in *why (new string) if it is anything else. */
gboolean address_parse(const char *text, gsize length, const char *own_ip, char **ip, guint16 *port,
                       char **why);

/* What the ip of an instance is to a program that gets it in its configuration. */
enum address_kind {
    ADDRESS_IPV4,
    ADDRESS_IPV6,
    ADDRESS_NAME,    /* a host name, as address_parse takes it */
    ADDRESS_STRANGE, /* whatever else a server lists: never to be written into a configuration */
};
enum address_kind address_kind(const char *ip);

/* What servers take as the name of a cluster (Cluster.validate): [0-9a-zA-Z-]+. */
gboolean address_is_cluster_name(const char *name);

/* "10.0.0.1:8080", "[::1]:80"; a strange ip that a server listed is octal-escaped (all but letters,
 * digits, '.', '-', '_', ':', '%' and valid UTF-8), an empty one is "[]". Two different (ip, port)
 * never look the same. */
void address_format(GString *out, const struct instance *instance);

/* File name in hosts/: the address, and @CLUSTER behind it if not DEFAULT; '/' and the other bytes
 * that a file name cannot have percent-encoded as names_encode does. New string; NULL if it would
 * exceed 255 bytes. */
char *address_host_name(const struct instance *instance);

/* The other way: fills ip, port and cluster_name of an instance that instance_init made. FALSE and
 * a reason in *why for a name that is not the canonical spelling of an address; *instance is as it
 * was then. */
gboolean address_parse_host_name(const char *name, struct instance *instance, char **why);
