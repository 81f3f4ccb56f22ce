/* SPDX-License-Identifier: MIT
 *
 * ADDR:PORT of -o listen=: a numeric IPv4 or [IPv6] address and a port, 0 = any free one.
 */
#pragma once

#include <glib.h>
#include <netinet/in.h>

struct listen_address {
    char host[INET6_ADDRSTRLEN]; /* inet_ntop's spelling, without brackets */
    int family;                  /* AF_INET or AF_INET6 */
    guint16 port;                /* host byte order */
};

/* FALSE and one line in *why (new string) for anything else. */
gboolean listen_address_parse(const char *text, struct listen_address *address, char **why);

/* Whether a TCP server could listen there now: 0, EADDRINUSE, EADDRNOTAVAIL, EACCES, ... */
int listen_address_try(const struct listen_address *address);

/* "127.0.0.1:8848", "[::1]:8848". New string. */
char *listen_address_format(const struct listen_address *address);

/* The same for a client on this machine: loopback in the place of 0.0.0.0 and [::]. New string. */
char *listen_address_for_client(const struct listen_address *address);
