/* SPDX-License-Identifier: MIT */
#include "naming/registry/httpd_private.h"
#include "naming/registry/httpd_source.h"
#include "naming/registry/openapi.h"

#include <string.h>

struct request {
    struct httpd *httpd;   /* borrowed */
    char *uri;             /* as sent, with the query */
    GString *body;         /* NULL until the headers are complete */
    struct params *params; /* NULL until all is there */
    struct auth_identity identity;
    struct MHD_Connection *suspended; /* while it is found out who asks */
};

void *httpd_on_uri(void *user_data, const char *uri, struct MHD_Connection *mhd)
{
    struct request *request = g_new0(struct request, 1);
    request->httpd = user_data;
    request->uri = g_strdup(uri);
    connection_set_deadline(user_data, connection_of(mhd), HTTPD_HEADER_S);
    return request;
}

void httpd_on_completed(void *user_data, struct MHD_Connection *mhd, void **slot,
                        enum MHD_RequestTerminationCode code)
{
    struct request *request = *slot;
    struct connection *connection = connection_of(mhd);
    *slot = NULL;
    if (!request)
        return;
    if (request->body)
        g_string_free(request->body, TRUE);
    params_free(request->params);
    auth_identity_clear(&request->identity);
    g_free(request->uri);
    g_free(request);
    if (connection)
        connection_set_deadline(user_data, connection, HTTPD_IDLE_S + HTTPD_HEADER_S);
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

/* How the length of the body is told. */
struct framing {
    guint lengths;   /* Content-Length headers */
    guint encodings; /* Transfer-Encoding headers */
};

static enum MHD_Result count_framing(void *user_data, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
    struct framing *framing = user_data;
    framing->lengths += g_ascii_strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
    framing->encodings += g_ascii_strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
    return MHD_YES;
}

/* The headers are complete. A body too long is refused before it comes, and one of two lengths is
 * an attempt to smuggle a second request (RFC 9112, section 6.1). Origin (RFC 6454, section 7)
 * comes from browsers alone: any page that a developer opens can reach loopback. */
static enum MHD_Result begin(struct httpd *httpd, struct MHD_Connection *mhd,
                             struct request *request)
{
    const char *length = header(mhd, MHD_HTTP_HEADER_CONTENT_LENGTH);
    request->body = g_string_new(NULL);
    connection_set_deadline(httpd, connection_of(mhd), HTTPD_HEADER_S);
    struct framing framing = {0};
    MHD_get_connection_values(mhd, MHD_HEADER_KIND, count_framing, &framing);
    if (framing.lengths + framing.encodings > 1)
        return refuse(mhd, MHD_HTTP_BAD_REQUEST, "the body has more than one length");
    if (header(mhd, MHD_HTTP_HEADER_ORIGIN))
        return refuse(mhd, MHD_HTTP_FORBIDDEN, "web pages are not answered");
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

static enum MHD_Result give_answer(struct httpd *httpd, struct MHD_Connection *mhd,
                                   struct request *request, const char *method)
{
    struct openapi_target target = {method, request->uri, httpd->context_path};
    struct openapi_answer answer = {.body = g_string_new(NULL)};
    struct api_call call = {
        .registry = httpd->registry,
        .params = request->params,
        .user_agent = user_agent(mhd),
        .peer = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
        .socket = connection_of(mhd)->fd,
        .auth = httpd->auth,
        .identity = &request->identity,
    };
    openapi_answer(&target, &call, &answer);
    g_debug("%s %s: %u", method, request->uri, answer.status);
    timeline_clear(&connection_of(mhd)->deadline);
    return reply(mhd, &answer, FALSE);
}

/* libmicrohttpd then asks for the answer again. */
static void on_identity(struct auth_identity *identity, gpointer user_data)
{
    struct request *request = user_data;
    request->identity = *identity;
    MHD_resume_connection(request->suspended);
    httpd_source_wake(request->httpd->source);
}

static const char *token_of(struct MHD_Connection *mhd, const struct params *params)
{
    static const char bearer[] = "Bearer ";
    const char *value = header(mhd, MHD_HTTP_HEADER_AUTHORIZATION);
    if (value && g_ascii_strncasecmp(value, bearer, sizeof(bearer) - 1) == 0)
        return value + sizeof(bearer) - 1;
    return params_get(params, "accessToken");
}

static enum auth_progress identify(struct httpd *httpd, struct MHD_Connection *mhd,
                                   struct request *request)
{
    struct auth_credentials credentials = {
        .username = params_get(request->params, "username"),
        .password = params_get(request->params, "password"),
        .token = token_of(mhd, request->params),
    };
    return auth_identify(httpd->auth, &credentials, &request->identity, on_identity, request);
}

static enum MHD_Result answer_request(struct httpd *httpd, struct MHD_Connection *mhd,
                                      struct request *request, const char *method)
{
    g_autoptr(GError) error = NULL;
    if (request->suspended)
        return give_answer(httpd, mhd, request, method);
    request->params = read_params(mhd, request, &error);
    if (!request->params) {
        struct openapi_answer answer = {.body = g_string_new(NULL)};
        openapi_refuse(error, &answer);
        return reply(mhd, &answer, FALSE);
    }
    switch (identify(httpd, mhd, request)) {
    case AUTH_PENDING:
        request->suspended = mhd;
        timeline_clear(&connection_of(mhd)->deadline); /* now it is we who are late */
        MHD_suspend_connection(mhd);
        return MHD_YES;
    case AUTH_BUSY:
        return refuse(mhd, MHD_HTTP_SERVICE_UNAVAILABLE, "too many logins at a time");
    default:
        return give_answer(httpd, mhd, request, method);
    }
}

/* Called by libmicrohttpd when the headers are complete, for each piece of the body, and at its
 * end. */
enum MHD_Result httpd_on_request(void *user_data, struct MHD_Connection *mhd, const char *url,
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
