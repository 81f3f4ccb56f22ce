/* SPDX-License-Identifier: MIT */
#include "naming/registry/alarm.h"
#include "naming/registry/httpd_private.h"
#include "naming/registry/httpd_source.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection *connection_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void connection_set_deadline(struct httpd *httpd, struct connection *connection, guint seconds)
{
    if (connection->shut)
        return;
    timeline_set(httpd->deadlines, &connection->deadline,
                 g_get_monotonic_time() + seconds * G_USEC_PER_SEC);
    alarm_set(httpd->alarm, timeline_next(httpd->deadlines));
}

/* libmicrohttpd closes what is shut. */
static void shut(struct httpd *httpd, struct connection *connection)
{
    timeline_clear(&connection->deadline);
    shutdown(connection->fd, SHUT_RDWR);
    connection->shut = TRUE;
    httpd->open--;
}

/* Whoever sends one byte now and then is never idle, but late. */
static void shut_late_connections(gpointer user_data)
{
    struct httpd *httpd = user_data;
    struct connection *connection;
    while ((connection = timeline_due(httpd->deadlines, g_get_monotonic_time())))
        shut(httpd, connection);
    alarm_set(httpd->alarm, timeline_next(httpd->deadlines));
}

/* One too many: who has to be served soonest, and is not, goes. Those that have sent no request yet
 * stand before those that keep a connection between two requests, so a crowd that sends nothing
 * drives out itself. */
static void make_room(struct httpd *httpd)
{
    struct connection *connection;
    while (httpd->open > httpd->max_open &&
           (connection = timeline_due(httpd->deadlines, TIMELINE_NEVER)))
        shut(httpd, connection);
}

static void connection_start(struct httpd *httpd, struct MHD_Connection *mhd, void **slot)
{
    struct connection *connection = g_new0(struct connection, 1);
    connection->deadline.owner = connection;
    connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    *slot = connection;
    httpd->open++;
    make_room(httpd);
    connection_set_deadline(httpd, connection, HTTPD_HEADER_S);
}

static void connection_end(struct httpd *httpd, struct connection *connection)
{
    httpd->open -= !connection->shut;
    timeline_clear(&connection->deadline);
    g_free(connection);
}

static void on_connection(void *user_data, struct MHD_Connection *mhd, void **slot,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_start(user_data, mhd, slot);
    else if (*slot)
        connection_end(user_data, g_steal_pointer(slot));
}

/* Paths and parameters are taken from the URI as sent: routes match exactly, params.c decodes. */
static size_t keep_escapes(void *user_data, struct MHD_Connection *mhd, char *text)
{
    return strlen(text);
}

static void on_log(void *user_data, const char *format, va_list arguments) G_GNUC_PRINTF(2, 0);

static void on_log(void *user_data, const char *format, va_list arguments)
{
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    g_debug("libmicrohttpd: %s", g_strchomp(text));
}

static struct MHD_Daemon *start(struct httpd *httpd, const struct httpd_config *config)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        httpd_on_request, httpd, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET,
        config->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
        config->max_connections + HTTPD_SHUT_AT_ONCE, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned int)HTTPD_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HTTPD_CONNECTION_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, httpd_on_uri, httpd, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, httpd, MHD_OPTION_NOTIFY_COMPLETED, httpd_on_completed, httpd,
        MHD_OPTION_END);
}

struct httpd *httpd_new(GMainContext *context, const struct httpd_config *config)
{
    struct httpd *httpd = g_new0(struct httpd, 1);
    httpd->registry = config->registry;
    httpd->auth = config->auth;
    httpd->max_open = config->max_connections;
    httpd->context_path = g_strdup(config->context_path);
    httpd->deadlines = timeline_new();
    httpd->alarm = alarm_new(context, shut_late_connections, httpd);
    httpd->daemon = start(httpd, config);
    if (!httpd->daemon) {
        close(config->listen_fd);
        httpd_free(httpd);
        return NULL;
    }
    httpd->source = httpd_source_new(context, httpd->daemon);
    return httpd;
}

void httpd_free(struct httpd *httpd)
{
    if (!httpd)
        return;
    /* No connection may be suspended when the daemon stops. */
    auth_cancel(httpd->auth);
    if (httpd->source) {
        g_source_destroy(httpd->source);
        g_source_unref(httpd->source);
    }
    if (httpd->daemon)
        MHD_stop_daemon(httpd->daemon);
    alarm_free(httpd->alarm);
    g_sequence_free(httpd->deadlines);
    g_free(httpd->context_path);
    g_free(httpd);
}
