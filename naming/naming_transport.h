/* SPDX-License-Identifier: MIT
 *
 * What the requests of one client share: the servers with their memory and where their list comes
 * from, the connections (beats have their own), who we are, what is counted, and the probes that
 * find out when a bad server is back.
 */
#pragma once

#include "naming/http.h"
#include "naming/http_watch.h"
#include "naming/parse_worker.h"
#include "naming/server_list.h"
#include "naming/trouble.h"

struct call_metrics;
struct endpoint;
struct security_proxy;

struct naming_transport {
    struct server_list *servers;
    struct endpoint *endpoint; /* NULL = the list stays as configured */
    struct security_proxy *security;
    struct call_metrics *metrics;
    struct http *http;
    struct http *beats;
    struct parse_worker *parser; /* of large lists */
    char *own_ip;                /* NULL = ask the kernel */
    guint timeout_ms;            /* one call over all servers */
    guint retries;
    GMainContext *context;
    struct http_timer *probe_timer;
    guint64 hosts_dropped; /* of lists that were taken */
    GQueue probes;         /* struct probe, under way */
};

/* `config` makes sense; `endpoint`: URL of endpoint_url, NULL = none. */
struct naming_transport *naming_transport_new(const struct naming_config *config,
                                              const char *endpoint, const struct trouble *trouble);
/* Every naming_request must have ended. Safe from within a `done` of http. */
void naming_transport_free(struct naming_transport *transport);

/* Asks the endpoint now, logs in with `credentials` (NULL = the same), probes bad servers. */
void naming_transport_reload(struct naming_transport *transport,
                             const struct naming_credentials *credentials);

/* What became of a request to a server of `servers`, which may be an older list than ours. A server
 * that failed is going to be probed. */
void naming_transport_asked(struct naming_transport *transport, const struct server_list *servers,
                            guint index);
void naming_transport_answered(struct naming_transport *transport,
                               const struct server_list *servers, guint index,
                               const struct http_response *response);
void naming_transport_failed(struct naming_transport *transport, const struct server_list *servers,
                             guint index, const char *error);

/* Our address as a server with that address would see it; new string, NULL if it is not known. */
char *naming_transport_own_ip(struct naming_transport *transport, const char *address);
