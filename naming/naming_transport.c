/* SPDX-License-Identifier: MIT */
#include "naming/naming_transport.h"

#include "naming/codec.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* To one server; each list request of 10,000 services takes one for some milliseconds, and a beat
 * that hangs takes one for a second. */
#define CONNECTIONS 32
#define BEAT_CONNECTIONS 128
#define PROBE_TIMEOUT_MS 1000

static void arm_probe(struct naming_transport *transport)
{
    http_timer_set(transport->probe_timer, server_list_probe_due(transport->servers));
}

void naming_transport_failed(struct naming_transport *transport, guint index, const char *error)
{
    server_list_failed(transport->servers, index, g_get_monotonic_time(), error);
    arm_probe(transport);
}

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

static void on_probe(const struct http_response *response, gpointer user_data)
{
    const struct probe *record = user_data;
    struct naming_transport *transport = record->transport;
    if (is_up(response))
        server_list_answered(transport->servers, record->index, g_get_monotonic_time(),
                             response->elapsed_us);
    else
        naming_transport_failed(transport, record->index,
                                *response->text != '\0' ? response->text : "not UP");
    arm_probe(transport);
}

static void probe(gpointer user_data)
{
    struct naming_transport *transport = user_data;
    int index;
    while ((index = server_list_take_probe(transport->servers, g_get_monotonic_time())) >= 0) {
        g_autofree char *url = g_strconcat(server_list_url(transport->servers, (guint)index),
                                           "/v1/ns/operator/metrics", NULL);
        struct probe *record = &transport->probes[index];
        record->transport = transport;
        record->index = (guint)index;
        http_send(transport->http, "GET", url, NULL, PROBE_TIMEOUT_MS, on_probe, record);
    }
    arm_probe(transport);
}

struct naming_transport *naming_transport_new(const struct naming_config *config)
{
    struct naming_transport *transport = g_new0(struct naming_transport, 1);
    struct http_limits limits = {
        .connect_timeout_ms = config->connect_timeout_ms,
        .max_response = config->max_response,
        .max_connections = CONNECTIONS,
    };
    guint n = g_strv_length((char **)config->servers);
    transport->servers = server_list_new(config->servers, (guint)g_random_int_range(0, (gint32)n));
    transport->probes = g_new0(struct probe, n);
    transport->http = http_new(&limits);
    limits.max_connections = BEAT_CONNECTIONS;
    transport->beats = http_new(&limits);
    transport->parser = parse_worker_new();
    transport->own_ip = g_strdup(config->own_ip);
    transport->timeout_ms = config->timeout_ms;
    transport->retries = config->retries;
    transport->context = g_main_context_ref_thread_default();
    transport->probe_timer = http_timer_new(transport->context, probe, transport);
    return transport;
}

void naming_transport_free(struct naming_transport *transport)
{
    http_timer_free(transport->probe_timer);
    http_free(transport->http);
    http_free(transport->beats);
    parse_worker_free(transport->parser);
    server_list_free(transport->servers);
    g_free(transport->probes);
    g_free(transport->own_ip);
    g_main_context_unref(transport->context);
    g_free(transport);
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

char *naming_transport_own_ip(struct naming_transport *transport, guint index)
{
    if (transport->own_ip != NULL)
        return g_strdup(transport->own_ip);
    const char *address = server_list_address(transport->servers, index);
    return address != NULL ? route_towards(address) : NULL;
}
