/* SPDX-License-Identifier: MIT
 *
 * What the requests of one client share: the servers with their memory, the connections (beats have
 * their own), and the probes that find out when a bad server is back.
 */
#pragma once

#include "naming/http.h"
#include "naming/http_watch.h"
#include "naming/parse_worker.h"
#include "naming/server_list.h"

struct naming_transport;

struct probe { /* one a server, for the answer to find it */
    struct naming_transport *transport;
    guint index;
};

struct naming_transport {
    struct server_list *servers;
    struct http *http;
    struct http *beats;
    struct parse_worker *parser; /* of large lists */
    char *own_ip;                /* NULL = ask the kernel */
    guint timeout_ms;            /* one call over all servers */
    guint retries;
    GMainContext *context;
    struct http_timer *probe_timer;
    struct probe *probes; /* as many as servers */
};

struct naming_transport *naming_transport_new(const struct naming_config *config);
/* Every naming_request must have ended. Safe from within a `done` of http. */
void naming_transport_free(struct naming_transport *transport);

/* A server failed: sees to it that it is probed. */
void naming_transport_failed(struct naming_transport *transport, guint index, const char *error);

/* Our address as that server would see it; new string, NULL if it is not known. */
char *naming_transport_own_ip(struct naming_transport *transport, guint index);
