/* SPDX-License-Identifier: MIT */
#include "http_stub.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct http_stub {
    http_stub_fn fn;
    gpointer user_data;
    int fd;
    guint16 port;
    guint watch;
    guint accepted;
    GPtrArray *log;
    GPtrArray *connections;
};

struct http_stub_connection {
    struct http_stub *stub;
    int fd;
    guint in, out; /* source ids */
    GString *request;
    GByteArray *pending;
    gboolean closing;
};

static void connection_free(gpointer data)
{
    struct http_stub_connection *connection = data;
    if (connection->in != 0)
        g_source_remove(connection->in);
    if (connection->out != 0)
        g_source_remove(connection->out);
    if (connection->fd >= 0)
        close(connection->fd);
    g_string_free(connection->request, TRUE);
    g_byte_array_unref(connection->pending);
    g_free(connection);
}

/* The record stays until the stub goes, so that a test may hold on to it. */
static void connection_shut(struct http_stub_connection *connection)
{
    g_clear_handle_id(&connection->in, g_source_remove);
    g_clear_handle_id(&connection->out, g_source_remove);
    if (connection->fd >= 0)
        close(connection->fd);
    connection->fd = -1;
}

static gboolean on_writable(int fd, GIOCondition condition, gpointer data)
{
    struct http_stub_connection *connection = data;
    ssize_t n = send(fd, connection->pending->data, connection->pending->len, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN)
        return G_SOURCE_CONTINUE;
    if (n < 0)
        g_byte_array_set_size(connection->pending, 0);
    else
        g_byte_array_remove_range(connection->pending, 0, (guint)n);
    if (connection->pending->len > 0)
        return G_SOURCE_CONTINUE;
    connection->out = 0;
    if (connection->closing)
        connection_shut(connection);
    return G_SOURCE_REMOVE;
}

void http_stub_send(struct http_stub_connection *connection, const void *data, gsize length)
{
    if (connection->fd < 0)
        return;
    g_byte_array_append(connection->pending, data, (guint)length);
    if (connection->out == 0)
        connection->out = g_unix_fd_add(connection->fd, G_IO_OUT, on_writable, connection);
}

void http_stub_reply(struct http_stub_connection *connection, int status, const char *body)
{
    g_autofree char *text = g_strdup_printf("HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n%s",
                                            status, strlen(body), body);
    http_stub_send(connection, text, strlen(text));
}

void http_stub_close(struct http_stub_connection *connection)
{
    if (connection->out != 0)
        connection->closing = TRUE;
    else
        connection_shut(connection);
}

void http_stub_reset(struct http_stub_connection *connection)
{
    struct linger hard = {.l_onoff = 1};
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    connection_shut(connection);
}

static gboolean request_is_complete(const GString *request)
{
    const char *end = strstr(request->str, "\r\n\r\n");
    if (end == NULL)
        return FALSE;
    const char *field = strcasestr(request->str, "\r\nContent-Length:");
    gsize body = field != NULL && field < end ? g_ascii_strtoull(field + 17, NULL, 10) : 0;
    return request->len >= (gsize)(end + 4 - request->str) + body;
}

static gboolean on_readable(int fd, GIOCondition condition, gpointer data)
{
    struct http_stub_connection *connection = data;
    struct http_stub *stub = connection->stub;
    char buffer[65536];
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) {
        connection->in = 0;
        connection_shut(connection);
        return G_SOURCE_REMOVE;
    }
    g_string_append_len(connection->request, buffer, n);
    if (request_is_complete(connection->request)) {
        char *request = g_strdup(connection->request->str);
        g_string_truncate(connection->request, 0);
        g_ptr_array_add(stub->log, request);
        stub->fn(connection, request, stub->user_data);
    }
    return connection->fd >= 0 ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gboolean on_connection(int fd, GIOCondition condition, gpointer data)
{
    struct http_stub *stub = data;
    struct http_stub_connection *connection = g_new0(struct http_stub_connection, 1);
    connection->stub = stub;
    connection->fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    g_assert_cmpint(connection->fd, >=, 0);
    connection->request = g_string_new(NULL);
    connection->pending = g_byte_array_new();
    connection->in =
        g_unix_fd_add(connection->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, connection);
    g_ptr_array_add(stub->connections, connection);
    stub->accepted++;
    return G_SOURCE_CONTINUE;
}

static int bind_any(guint16 *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &length), ==, 0);
    *port = ntohs(address.sin_port);
    return fd;
}

struct http_stub *http_stub_new(http_stub_fn fn, gpointer user_data)
{
    struct http_stub *stub = g_new0(struct http_stub, 1);
    stub->fn = fn;
    stub->user_data = user_data;
    stub->log = g_ptr_array_new_with_free_func(g_free);
    stub->connections = g_ptr_array_new_with_free_func(connection_free);
    stub->fd = bind_any(&stub->port);
    g_assert_cmpint(listen(stub->fd, 128), ==, 0);
    stub->watch = g_unix_fd_add(stub->fd, G_IO_IN, on_connection, stub);
    return stub;
}

void http_stub_free(struct http_stub *stub)
{
    g_source_remove(stub->watch);
    close(stub->fd);
    g_ptr_array_unref(stub->connections);
    g_ptr_array_unref(stub->log);
    g_free(stub);
}

guint16 http_stub_port(const struct http_stub *stub)
{
    return stub->port;
}

guint http_stub_accepted(const struct http_stub *stub)
{
    return stub->accepted;
}

const GPtrArray *http_stub_log(const struct http_stub *stub)
{
    return stub->log;
}

guint16 http_stub_dead_port(void)
{
    guint16 port;
    close(bind_any(&port));
    return port;
}

static gboolean set_flag(gpointer data)
{
    *(gboolean *)data = TRUE;
    return G_SOURCE_REMOVE;
}

void http_stub_wait(const gboolean *flag, guint ms)
{
    gboolean late = FALSE;
    guint timer = g_timeout_add(ms, set_flag, &late);
    while (!*flag && !late)
        g_main_context_iteration(NULL, TRUE);
    if (!late)
        g_source_remove(timer);
    g_assert_true(*flag);
}

void http_stub_run(guint ms)
{
    gboolean over = FALSE;
    g_timeout_add(ms, set_flag, &over);
    while (!over)
        g_main_context_iteration(NULL, TRUE);
}
