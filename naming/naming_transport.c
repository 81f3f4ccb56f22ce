/* SPDX-License-Identifier: MIT */
#include "naming/naming_transport.h"

#include "naming/call_metrics.h"
#include "naming/codec.h"
#include "naming/endpoint.h"
#include "naming/security_proxy.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* To one server; each list request of 10,000 services takes one for some milliseconds, and a beat
 * to a server that hangs or takes two seconds for each takes one for that long: 512 make 256 beats
 * a second. */
#define CONNECTIONS 32
#define BEAT_CONNECTIONS 512
#define PROBE_TIMEOUT_MS 1000

struct probe {
    struct naming_transport *transport;
    struct server_list *servers; /* as they were when it began */
    guint index;
    GList link; /* in transport->probes */
};

/* --- what the list of servers remembers ------------------------------------------------------ */

static void arm_probe(struct naming_transport *transport)
{
    http_timer_set(transport->probe_timer, server_list_probe_due(transport->servers));
}

/* Where a server of `servers` is in the list of today, -1 if it is not. */
static int today(const struct naming_transport *transport, const struct server_list *servers,
                 guint index)
{
    if (servers == transport->servers)
        return (int)index;
    return server_list_find(transport->servers, server_list_url(servers, index));
}

void naming_transport_asked(struct naming_transport *transport, const struct server_list *servers,
                            guint index)
{
    int here = today(transport, servers, index);
    if (here >= 0)
        server_list_asked(transport->servers, (guint)here);
}

void naming_transport_answered(struct naming_transport *transport,
                               const struct server_list *servers, guint index,
                               const struct http_response *response)
{
    int here = today(transport, servers, index);
    if (here < 0)
        return;
    server_list_met(transport->servers, (guint)here, response->peer);
    server_list_answered(transport->servers, (guint)here, g_get_monotonic_time(),
                         response->elapsed_us);
}

void naming_transport_failed(struct naming_transport *transport, const struct server_list *servers,
                             guint index, const char *error)
{
    int here = today(transport, servers, index);
    if (here < 0)
        return;
    server_list_failed(transport->servers, (guint)here, g_get_monotonic_time(), error);
    arm_probe(transport);
}

/* --- probes ---------------------------------------------------------------------------------- */

/* A server without operator/metrics that answers is no bad one; one that says 5xx, or says that it
 * is not UP, is. */
static gboolean is_up(const struct http_response *response)
{
    if (response->failure != HTTP_ANSWERED)
        return FALSE;
    if (response->status == 200)
        return codec_server_is_up(response->body, response->body_length);
    return response->status < 500 || response->status == 501;
}

static void probe_free(struct probe *probe)
{
    g_queue_unlink(&probe->transport->probes, &probe->link);
    server_list_unref(probe->servers);
    g_free(probe);
}

static void on_probe(const struct http_response *response, gpointer user_data)
{
    struct probe *probe = user_data;
    struct naming_transport *transport = probe->transport;
    gboolean up = is_up(response);
    call_metrics_ended(transport->metrics, server_list_host_port(probe->servers, probe->index),
                       NAMING_CALL_PROBE, !up,
                       response->failure == HTTP_ANSWERED ? response->elapsed_us : -1);
    if (up)
        naming_transport_answered(transport, probe->servers, probe->index, response);
    else
        naming_transport_failed(transport, probe->servers, probe->index,
                                *response->text != '\0' ? response->text : "not UP");
    probe_free(probe);
    arm_probe(transport);
}

static void probe_server(struct naming_transport *transport, guint index)
{
    g_autofree char *url =
        g_strconcat(server_list_url(transport->servers, index), "/v1/ns/operator/metrics", NULL);
    struct probe *probe = g_new0(struct probe, 1);
    probe->transport = transport;
    probe->servers = server_list_ref(transport->servers);
    probe->index = index;
    probe->link.data = probe;
    g_queue_push_tail_link(&transport->probes, &probe->link);
    call_metrics_asked(transport->metrics, server_list_host_port(transport->servers, index),
                       NAMING_CALL_PROBE);
    http_send(transport->http, "GET", url, NULL, PROBE_TIMEOUT_MS, on_probe, probe);
}

static void probe_due(gpointer user_data)
{
    struct naming_transport *transport = user_data;
    int index;
    while ((index = server_list_take_probe(transport->servers, g_get_monotonic_time())) >= 0)
        probe_server(transport, (guint)index);
    arm_probe(transport);
}

/* --- all of it ------------------------------------------------------------------------------- */

static guint by_lot(const char *const *urls)
{
    return (guint)g_random_int_range(0, (gint32)g_strv_length((char **)urls));
}

static void on_servers(const char *const *urls, gpointer user_data)
{
    struct naming_transport *transport = user_data;
    struct server_list *old = transport->servers;
    if (server_list_is(old, urls))
        return;
    transport->servers = server_list_renew(old, urls, by_lot(urls));
    server_list_unref(old);
    arm_probe(transport);
}

static void open_connections(struct naming_transport *transport, const struct naming_config *config)
{
    struct http_limits limits = {
        .connect_timeout_ms = config->connect_timeout_ms,
        .max_response = config->max_response,
        .max_connections = CONNECTIONS,
        .tls = {.cafile = (char *)config->tls.cafile,
                .cert = (char *)config->tls.cert,
                .key = (char *)config->tls.key,
                .insecure = config->tls.insecure},
    };
    transport->http = http_new(&limits);
    limits.max_connections = BEAT_CONNECTIONS;
    transport->beats = http_new(&limits);
}

static void open_endpoint(struct naming_transport *transport, const struct naming_config *config,
                          const char *url, const struct trouble *trouble)
{
    const struct endpoint_config endpoint = {
        .http = transport->http,
        .context = transport->context,
        .url = url,
        .like = config->servers[0],
        .timeout_ms = config->timeout_ms,
        .trouble = *trouble,
        .found = on_servers,
        .user_data = transport,
    };
    transport->endpoint = endpoint_new(&endpoint);
}

struct naming_transport *naming_transport_new(const struct naming_config *config,
                                              const char *endpoint, const struct trouble *trouble)
{
    struct naming_transport *transport = g_new0(struct naming_transport, 1);
    transport->context = g_main_context_ref_thread_default();
    transport->servers = server_list_new(config->servers, by_lot(config->servers));
    transport->metrics = call_metrics_new();
    transport->parser = parse_worker_new();
    transport->own_ip = g_strdup(config->own_ip);
    transport->timeout_ms = config->timeout_ms;
    transport->retries = config->retries;
    transport->probe_timer = http_timer_new(transport->context, probe_due, transport);
    g_queue_init(&transport->probes);
    open_connections(transport, config);
    if (endpoint != NULL)
        open_endpoint(transport, config, endpoint, trouble);
    transport->security = security_proxy_new(transport, config->credentials, trouble);
    return transport;
}

void naming_transport_free(struct naming_transport *transport)
{
    security_proxy_free(transport->security);
    endpoint_free(transport->endpoint);
    http_timer_free(transport->probe_timer);
    http_free(transport->http);
    http_free(transport->beats);
    while (transport->probes.length > 0)
        probe_free(g_queue_peek_head(&transport->probes));
    parse_worker_free(transport->parser);
    server_list_unref(transport->servers);
    call_metrics_free(transport->metrics);
    g_free(transport->own_ip);
    g_main_context_unref(transport->context);
    g_free(transport);
}

void naming_transport_reload(struct naming_transport *transport,
                             const struct naming_credentials *credentials)
{
    if (transport->endpoint != NULL)
        endpoint_refresh(transport->endpoint);
    server_list_probe_all(transport->servers, g_get_monotonic_time());
    arm_probe(transport);
    security_proxy_reload(transport->security, credentials);
}

/* The name that the kernel would give a datagram to `address`: connect(2) of a UDP socket picks a
 * route and sends nothing (ip(7)). */
static char *route_towards(const char *address)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
    socklen_t length = sizeof *v4;
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(1); /* any but 0 */
    } else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(1);
        length = sizeof *v6;
    } else {
        return NULL;
    }
    char name[INET6_ADDRSTRLEN];
    const char *text = NULL;
    int fd = socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&storage, length) == 0 &&
        getsockname(fd, (struct sockaddr *)&storage, &length) == 0)
        text =
            inet_ntop(storage.ss_family,
                      storage.ss_family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr,
                      name, sizeof name);
    if (fd >= 0)
        close(fd);
    return g_strdup(text);
}

char *naming_transport_own_ip(struct naming_transport *transport, const char *address)
{
    if (transport->own_ip != NULL)
        return g_strdup(transport->own_ip);
    return address != NULL ? route_towards(address) : NULL;
}
