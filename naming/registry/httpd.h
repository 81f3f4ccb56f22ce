/* SPDX-License-Identifier: MIT
 *
 * The HTTP side: libmicrohttpd without threads, as a source of the main context. It knows requests
 * and limits; what is answered comes from openapi.h.
 */
#pragma once

#include "naming/registry/auth.h"
#include "naming/registry/registry.h"

#define HTTPD_MAX_BODY (64 * 1024)          /* bytes; more is 413 */
#define HTTPD_CONNECTION_MEMORY (16 * 1024) /* bytes for the request line and the headers */
#define HTTPD_SHUT_AT_ONCE 64               /* connections beyond the limit, about to be closed */
#define HTTPD_IDLE_S 30                     /* a connection on which nothing moves is closed */
#define HTTPD_HEADER_S 10                   /* for the headers of a request, for its body */

/* What the server is made of; borrowed but for listen_fd, which httpd closes. */
struct httpd_config {
    struct registry *registry;
    struct auth *auth;
    const char *context_path; /* "/nacos"; "" = none */
    int listen_fd;
    guint max_connections; /* open at a time; one more takes the place of the most idle one */
};

struct httpd;

/* NULL if libmicrohttpd does not start; listen_fd is closed then, too. */
struct httpd *httpd_new(GMainContext *context, const struct httpd_config *config);
/* Closes all connections. */
void httpd_free(struct httpd *httpd);
