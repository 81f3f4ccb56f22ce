/* SPDX-License-Identifier: MIT
 *
 * The address the registry is asked at.
 */
#pragma once

#include <gio/gio.h>
#include <sys/socket.h>

#define LISTEN_DEFAULT_PORT 8848
#define LISTEN_BACKLOG 1024

struct listen_address {
    struct sockaddr_storage sockaddr;
    socklen_t length;
};

/* Reads HOST[:PORT], [IPv6][:PORT]; the port is 8848 if absent, 0 = any. A host name is looked up,
 * which may block. FALSE with a GIOError. */
gboolean listen_parse(const char *text, struct listen_address *address, GError **error);

/* A listening, non-blocking TCP socket; `address` gets the port that it has now. -1 with a GIOError
 * that says "cannot listen on ADDR:PORT: why". The caller closes it. */
int listen_open(struct listen_address *address, GError **error);

/* "127.0.0.1:8848", "[::1]:8848"; new string. */
char *listen_format(const struct listen_address *address);

gboolean listen_is_loopback(const struct listen_address *address);
