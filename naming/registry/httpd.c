/* SPDX-License-Identifier: MIT */
#include "naming/registry/httpd.h"

#include "naming/registry/alarm.h"
#include "naming/registry/httpd_source.h"
#include "naming/registry/openapi.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct httpd {
    struct MHD_Daemon *daemon;
    GSource *source;
    struct registry *registry; /* borrowed */
    char *context_path;
    GSequence *deadlines; /* of connections; libmicrohttpd itself only knows idle ones */
    GSource *alarm;
};

struct connection {
    struct timed deadline; /* when what is under way must have come */
    int fd;                /* libmicrohttpd's */
};

struct request {
    char *uri;     /* as sent, with the query */
    GString *body; /* NULL until the headers are complete */
};

static void set_deadline(struct httpd *httpd, struct connection *connection, guint seconds)
{
    timeline_set(httpd->deadlines, &connection->deadline,
                 g_get_monotonic_time() + seconds * G_USEC_PER_SEC);
    alarm_set(httpd->alarm, timeline_next(httpd->deadlines));
}

static struct connection *connection_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* Whoever sends one byte now and then is never idle, but late. libmicrohttpd closes what is shut.
 */
static void shut_late_connections(gpointer user_data)
{
    struct httpd *httpd = user_data;
    struct connection *connection;
    while ((connection = timeline_due(httpd->deadlines, g_get_monotonic_time()))) {
        timeline_clear(&connection->deadline);
        shutdown(connection->fd, SHUT_RDWR);
    }
    alarm_set(httpd->alarm, timeline_next(httpd->deadlines));
}

static void on_connection(void *user_data, struct MHD_Connection *mhd, void **slot,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        struct connection *connection = g_new0(struct connection, 1);
        connection->deadline.owner = connection;
        connection->fd =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        set_deadline(user_data, connection, HTTPD_HEADER_S);
        *slot = connection;
    } else if (*slot) {
        struct connection *connection = *slot;
        timeline_clear(&connection->deadline);
        g_free(connection);
        *slot = NULL;
    }
}

static void *on_uri(void *user_data, const char *uri, struct MHD_Connection *mhd)
{
    struct request *request = g_new0(struct request, 1);
    request->uri = g_strdup(uri);
    set_deadline(user_data, connection_of(mhd), HTTPD_HEADER_S);
    return request;
}

static void on_completed(void *user_data, struct MHD_Connection *mhd, void **slot,
                         enum MHD_RequestTerminationCode code)
{
    struct request *request = *slot;
    struct connection *connection = connection_of(mhd);
    *slot = NULL;
    if (!request)
        return;
    if (request->body)
        g_string_free(request->body, TRUE);
    g_free(request->uri);
    g_free(request);
    if (connection)
        set_deadline(user_data, connection, HTTPD_IDLE_S + HTTPD_HEADER_S);
}

static enum MHD_Result reply(struct MHD_Connection *mhd, struct openapi_answer *answer,
                             gboolean close_after)
{
    gsize length = answer->body->len;
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(
        length, g_string_free(answer->body, FALSE), g_free);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
    if (close_after)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    enum MHD_Result result = MHD_queue_response(mhd, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *mhd, guint status, const char *text)
{
    struct openapi_answer answer = {status, "text/plain;charset=UTF-8", g_string_new(text)};
    return reply(mhd, &answer, TRUE);
}

static const char *header(struct MHD_Connection *mhd, const char *name)
{
    return MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name);
}

/* The headers are complete. A body too long is refused before it comes, and one of two lengths is
 * an attempt to smuggle a second request (RFC 9112, section 6.1). */
static enum MHD_Result begin(struct httpd *httpd, struct MHD_Connection *mhd,
                             struct request *request)
{
    const char *length = header(mhd, MHD_HTTP_HEADER_CONTENT_LENGTH);
    request->body = g_string_new(NULL);
    set_deadline(httpd, connection_of(mhd), HTTPD_HEADER_S);
    if (length && header(mhd, MHD_HTTP_HEADER_TRANSFER_ENCODING))
        return refuse(mhd, MHD_HTTP_BAD_REQUEST, "both Content-Length and Transfer-Encoding");
    if (length && g_ascii_strtoull(length, NULL, 10) > HTTPD_MAX_BODY)
        return refuse(mhd, MHD_HTTP_CONTENT_TOO_LARGE, "the request body exceeds 64 KiB");
    return MHD_YES;
}

static gboolean is_form(struct MHD_Connection *mhd)
{
    static const char form[] = "application/x-www-form-urlencoded";
    const char *type = header(mhd, MHD_HTTP_HEADER_CONTENT_TYPE);
    return !type || g_ascii_strncasecmp(type, form, sizeof(form) - 1) == 0;
}

/* The path is cut off; the query's and the form's parameters are in the result. */
static struct params *read_params(struct MHD_Connection *mhd, struct request *request,
                                  GError **error)
{
    g_autoptr(registry_params) params = params_new();
    char *query = strchr(request->uri, '?');
    if (query) {
        *query++ = '\0';
        if (!params_add_form(params, query, strlen(query), error))
            return NULL;
    }
    if (is_form(mhd) && !params_add_form(params, request->body->str, request->body->len, error))
        return NULL;
    return g_steal_pointer(&params);
}

static const char *user_agent(struct MHD_Connection *mhd)
{
    const char *agent = header(mhd, MHD_HTTP_HEADER_USER_AGENT);
    if (!agent || !*agent)
        agent = header(mhd, "Client-Version");
    return agent ? agent : "";
}

static enum MHD_Result answer_request(struct httpd *httpd, struct MHD_Connection *mhd,
                                      struct request *request, const char *method)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(registry_params) params = read_params(mhd, request, &error);
    struct openapi_target target = {method, request->uri, httpd->context_path};
    struct openapi_answer answer = {.body = g_string_new(NULL)};
    struct api_call call = {
        .registry = httpd->registry,
        .params = params,
        .user_agent = user_agent(mhd),
        .peer = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
    };
    if (params)
        openapi_answer(&target, &call, &answer);
    else
        openapi_refuse(error, &answer);
    g_debug("%s %s: %u", method, request->uri, answer.status);
    timeline_clear(&connection_of(mhd)->deadline);
    return reply(mhd, &answer, FALSE);
}

/* Called by libmicrohttpd when the headers are complete, for each piece of the body, and at its
 * end. */
static enum MHD_Result on_request(void *user_data, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **slot)
{
    struct httpd *httpd = user_data;
    struct request *request = *slot;
    if (!request->body)
        return begin(httpd, mhd, request);
    if (*upload_size == 0)
        return answer_request(httpd, mhd, request, method);
    if (request->body->len + *upload_size > HTTPD_MAX_BODY)
        return MHD_NO;
    g_string_append_len(request->body, upload, *upload_size);
    *upload_size = 0;
    return MHD_YES;
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
        MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, httpd,
        MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, config->listen_fd,
        MHD_OPTION_CONNECTION_LIMIT, config->max_connections, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned int)HTTPD_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HTTPD_CONNECTION_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, httpd, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        httpd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, httpd, MHD_OPTION_END);
}

struct httpd *httpd_new(GMainContext *context, const struct httpd_config *config)
{
    struct httpd *httpd = g_new0(struct httpd, 1);
    httpd->registry = config->registry;
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
