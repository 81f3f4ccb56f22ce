/* SPDX-License-Identifier: MIT
 *
 * The Open API's naming calls as functions: URLs, forms and replies of v1 HTTP and nothing else
 * (NamingProxy of the Java client). The seam where v3 and gRPC join later. Each call walks the
 * servers (server_list.h) within one deadline; beats use HTTP connections of their own so that
 * nothing else delays them. Same rules for `done` and cancelling as naming.h.
 */
#pragma once

#include "naming/trouble.h"

struct naming_proxy;

/* `trouble` is told of log-ins and endpoints that fail. */
struct naming_proxy *naming_proxy_new(const struct naming_config *config,
                                      const struct trouble *trouble, char **why);
void naming_proxy_free(struct naming_proxy *proxy);
/* As naming_reload. */
void naming_proxy_reload(struct naming_proxy *proxy, const struct naming_credentials *credentials);

struct naming_call *naming_proxy_register(struct naming_proxy *proxy, const struct service_key *key,
                                          const struct instance *instance, naming_done_fn done,
                                          gpointer user_data);
struct naming_call *naming_proxy_deregister(struct naming_proxy *proxy,
                                            const struct service_key *key,
                                            const struct instance *like, naming_done_fn done,
                                            gpointer user_data);
/* PUT /instance, the whole record. */
struct naming_call *naming_proxy_update(struct naming_proxy *proxy, const struct service_key *key,
                                        const struct instance *instance, naming_done_fn done,
                                        gpointer user_data);

/* Reply of PUT /instance/beat (com.alibaba.nacos.naming.healthcheck.RsInfo's answer). */
struct beat_reply {
    int code;           /* 10200 OK, 20404 RESOURCE_NOT_FOUND; a missing code counts as 10200 */
    gint64 interval_ms; /* clientBeatInterval; 0 if absent or senseless */
    gboolean light;     /* lightBeatEnabled; FALSE if absent */
};
typedef void (*naming_proxy_beat_fn)(const struct naming_result *result,
                                     const struct beat_reply *reply, gpointer user_data);
/* `light` sends no beat body. `timeout_ms` bounds the call over all servers, one attempt gets at
 * most 1 s while another server is untried. */
struct naming_call *naming_proxy_beat(struct naming_proxy *proxy, const struct service_key *key,
                                      const struct instance *instance, gint64 period_ms,
                                      gboolean light, guint timeout_ms, naming_proxy_beat_fn done,
                                      gpointer user_data);

/* GET /instance/list; udp_port 0 = no subscription. A reply about another service is NAMING_REMOTE.
 */
struct naming_call *naming_proxy_list(struct naming_proxy *proxy, const struct service_key *key,
                                      guint16 udp_port, naming_list_fn done, gpointer user_data);

struct naming_call *naming_proxy_services(struct naming_proxy *proxy, const char *group,
                                          naming_names_fn done, gpointer user_data);
struct naming_call *naming_proxy_group_count(struct naming_proxy *proxy, const char *group,
                                             naming_count_fn done, gpointer user_data);
struct naming_call *naming_proxy_groups(struct naming_proxy *proxy, naming_names_fn done,
                                        gpointer user_data);

/* TRUE if `address` (numeric, without port) belongs to a configured server: given as a number in
 * its URL, or the address that an earlier request to it connected to (CURLINFO_PRIMARY_IP). */
gboolean naming_proxy_is_server(struct naming_proxy *proxy, const char *address);

char *naming_proxy_own_ip(struct naming_proxy *proxy);
guint naming_proxy_servers(struct naming_proxy *proxy, struct naming_server_state *states,
                           guint room);
guint naming_proxy_call_metrics(struct naming_proxy *proxy, struct naming_call_metrics *rows,
                                guint room);
guint64 naming_proxy_hosts_dropped(const struct naming_proxy *proxy);
guint naming_proxy_in_flight(struct naming_proxy *proxy);
