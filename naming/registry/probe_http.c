/* SPDX-License-Identifier: MIT
 *
 * Healthy is who answers GET with 200 and nothing else (HttpHealthCheckProcessor). The status line
 * says all: the connection is closed after it, whatever else there is to come, and nothing that it
 * points to is followed.
 */
#include "naming/registry/probe.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>

#define HEAD_MAX 256 /* bytes in which the status must have come */

struct exchange {
    GString *request;
    gsize sent;
    gboolean connected;
    char head[HEAD_MAX + 1];
    gsize length; /* of it */
};

/* NAME:VALUE|NAME:VALUE; a part that is not exactly that is left out, as there. */
static void add_headers(GString *request, const char *headers)
{
    g_auto(GStrv) parts = g_strsplit(headers, "|", -1);
    for (char **part = parts; *part; part++) {
        g_auto(GStrv) pair = g_strsplit(*part, ":", -1);
        if (g_strv_length(pair) == 2)
            g_string_append_printf(request, "%s: %s\r\n", g_strstrip(pair[0]), g_strstrip(pair[1]));
    }
}

static char *host_of(const struct probe *probe)
{
    g_autoptr(GSocketAddress) address =
        g_socket_address_new_from_native((gpointer)&probe->target, probe->target_length);
    return g_socket_connectable_to_string(G_SOCKET_CONNECTABLE(address));
}

static void start(struct probe *probe)
{
    struct exchange *exchange = g_new0(struct exchange, 1);
    g_autofree char *host = host_of(probe);
    exchange->request = g_string_new(NULL);
    g_string_append_printf(exchange->request,
                           "GET %s HTTP/1.1\r\n"
                           "Host: %s\r\n"
                           "User-Agent: VIPServer\r\n"
                           "Accept-Charset: UTF-8\r\n"
                           "Content-Type: application/json;charset=UTF-8\r\n"
                           "Connection: close\r\n",
                           probe->checker->path, host);
    add_headers(exchange->request, probe->checker->headers);
    g_string_append(exchange->request, "\r\n");
    probe->state = exchange;
    probe_connect(probe);
}

static void broken(struct probe *probe)
{
    probe_end(probe, PROBE_FAIL, PROBE_TIME_MAX);
}

static void send_rest(struct probe *probe, struct exchange *exchange)
{
    ssize_t sent = send(probe->fd, exchange->request->str + exchange->sent,
                        exchange->request->len - exchange->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        broken(probe);
        return;
    }
    exchange->sent += MAX(sent, 0);
    if (exchange->sent == exchange->request->len) {
        probe->condition = G_IO_IN;
        probe_set_deadline(probe, PROBE_CONNECT_MS);
    }
}

static void judge(struct probe *probe, int status)
{
    if (status == 200)
        probe_end(probe, PROBE_OK, PROBE_TIME_MEASURED);
    else if (status == 302 || status == 503)
        probe_end(probe, PROBE_FAIL, PROBE_TIME_DOUBLED);
    else
        probe_end(probe, PROBE_FAIL_NOW, PROBE_TIME_MAX);
}

/* "HTTP/1.1 200": 0 = not there yet, -1 = something else. */
static int read_status(const struct exchange *exchange)
{
    static const char form[] = "HTTP/1.? ??? ";
    for (gsize i = 0; i < exchange->length && form[i]; i++) {
        gboolean digit = form[i] == '?' && g_ascii_isdigit(exchange->head[i]);
        gboolean end =
            form[i + 1] == '\0' && (exchange->head[i] == '\r' || exchange->head[i] == '\n');
        if (!digit && !end && exchange->head[i] != form[i])
            return -1;
    }
    return exchange->length < strlen(form) ? 0 : atoi(exchange->head + strlen("HTTP/1.1 "));
}

static void receive(struct probe *probe, struct exchange *exchange)
{
    ssize_t length =
        recv(probe->fd, exchange->head + exchange->length, HEAD_MAX - exchange->length, 0);
    if (length < 0 && errno == EAGAIN)
        return;
    exchange->length += MAX(length, 0);
    int status = read_status(exchange);
    if (status > 0)
        judge(probe, status);
    else if (length <= 0 || status < 0)
        broken(probe);
}

static void ready(struct probe *probe, GIOCondition condition)
{
    struct exchange *exchange = probe->state;
    if (!exchange->connected && !probe_connected(probe))
        return;
    exchange->connected = TRUE;
    if (exchange->sent < exchange->request->len)
        send_rest(probe, exchange);
    else
        receive(probe, exchange);
}

static void late(struct probe *probe)
{
    probe_end(probe, PROBE_FAIL, PROBE_TIME_DOUBLED);
}

static void clear(struct probe *probe)
{
    struct exchange *exchange = probe->state;
    g_string_free(exchange->request, TRUE);
    g_free(exchange);
}

const struct prober probe_http = {.start = start, .ready = ready, .late = late, .clear = clear};
