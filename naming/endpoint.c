/* SPDX-License-Identifier: MIT */
#include "naming/endpoint.h"

#include "naming/http_watch.h"

#include <string.h>

#define DEFAULT_PORT 8080 /* InitUtils.initEndpoint of the Java client */
#define DEFAULT_PORT_HTTPS 443
#define DEFAULT_PATH "/nacos/serverlist" /* and NamingProxy */
#define REPLY_MAX 65536                  /* bytes that make sense */

struct endpoint {
    struct endpoint_config config; /* url and like are owned */
    struct http_request *request;  /* under way */
    struct http_timer *timer;
    gboolean failed; /* the last time; told already */
};

/* --- pure ------------------------------------------------------------------------------------ */

char *endpoint_url(const char *given, const char *namespace_id, char **why)
{
    g_autofree char *whole =
        strstr(given, "://") != NULL ? g_strdup(given) : g_strconcat("http://", given, NULL);
    g_autoptr(GUri) uri = g_uri_parse(whole, G_URI_FLAGS_ENCODED, NULL);
    const char *scheme = uri != NULL ? g_uri_get_scheme(uri) : "";
    gboolean https = strcmp(scheme, "https") == 0;
    if ((!https && strcmp(scheme, "http") != 0) || g_uri_get_host(uri) == NULL ||
        *g_uri_get_host(uri) == '\0' || g_uri_get_userinfo(uri) != NULL) {
        *why = g_strdup_printf("endpoint %s: neither HOST[:PORT] nor an http or https URL", given);
        return NULL;
    }
    int port = g_uri_get_port(uri);
    const char *path = g_uri_get_path(uri);
    const char *query = g_uri_get_query(uri);
    g_autofree char *namespace = g_uri_escape_string(namespace_id, NULL, FALSE);
    g_autofree char *own =
        strcmp(namespace_id, "public") == 0 ? NULL : g_strconcat("namespace=", namespace, NULL);
    if (port == -1)
        port = https ? DEFAULT_PORT_HTTPS : DEFAULT_PORT;
    if (*path == '\0' || strcmp(path, "/") == 0)
        path = DEFAULT_PATH;
    return g_uri_join(G_URI_FLAGS_ENCODED, scheme, NULL, g_uri_get_host(uri), port, path,
                      query != NULL ? query : own, NULL);
}

/* "HOST[:PORT]" gets scheme and context path of `like`. */
static void append_entry(GString *source, const char *entry, const char *like)
{
    const char *authority = strstr(like, "://") + 3;
    if (source->len > 0)
        g_string_append_c(source, ',');
    if (strstr(entry, "://") != NULL) {
        g_string_append(source, entry);
        return;
    }
    g_string_append_len(source, like, authority - like);
    g_string_append(source, entry);
    if (g_str_has_prefix(like, "https:") && strchr(entry, ':') == NULL)
        g_string_append(source, ":8848"); /* here a bare host is a Nacos server, not a web site */
    g_string_append(source, authority + strcspn(authority, "/"));
}

char **endpoint_parse(const char *body, gsize length, const char *like, char **why)
{
    if (length > REPLY_MAX || memchr(body, '\0', length) != NULL) {
        *why = g_strdup("no list of servers");
        return NULL;
    }
    g_autoptr(GString) source = g_string_new(NULL);
    g_autofree char *text = g_strndup(body, length);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        const char *entry = g_strstrip(*line);
        if (strchr(entry, ',') != NULL) {
            *why = g_strdup("no list of servers, one a line");
            return NULL;
        }
        if (*entry != '\0' && *entry != '#')
            append_entry(source, entry, like);
    }
    if (source->len == 0) {
        *why = g_strdup("an empty list of servers");
        return NULL;
    }
    return naming_parse_source(source->str, why);
}

/* --- asking ---------------------------------------------------------------------------------- */

static void fail(struct endpoint *endpoint, enum naming_status status, const char *why)
{
    gboolean told = endpoint->failed;
    g_autofree char *text = g_strdup_printf("endpoint %s: %s", endpoint->config.url, why);
    const struct naming_result result = {status, "", text};
    endpoint->failed = TRUE;
    if (!told)
        trouble_report(&endpoint->config.trouble, NULL, &result);
}

static void on_answer(const struct http_response *response, gpointer user_data)
{
    struct endpoint *endpoint = user_data;
    const struct endpoint_config *config = &endpoint->config;
    g_autofree char *why = NULL;
    endpoint->request = NULL;
    http_timer_set(endpoint->timer, g_get_monotonic_time() + ENDPOINT_PERIOD_MS * 1000);
    if (response->failure != HTTP_ANSWERED) {
        fail(endpoint, NAMING_UNREACHABLE, response->text);
        return;
    }
    if (response->status != 200) {
        why = g_strdup_printf("HTTP %d", response->status);
        fail(endpoint, NAMING_REMOTE, why);
        return;
    }
    g_auto(GStrv) urls = endpoint_parse(response->body, response->body_length, config->like, &why);
    if (urls == NULL) {
        fail(endpoint, NAMING_REMOTE, why);
        return;
    }
    endpoint->failed = FALSE;
    config->found((const char *const *)urls, config->user_data);
}

static void ask(gpointer user_data)
{
    struct endpoint *endpoint = user_data;
    const struct endpoint_config *config = &endpoint->config;
    if (endpoint->request == NULL)
        endpoint->request = http_send(config->http, "GET", config->url, NULL, config->timeout_ms,
                                      on_answer, endpoint);
}

struct endpoint *endpoint_new(const struct endpoint_config *config)
{
    struct endpoint *endpoint = g_new0(struct endpoint, 1);
    endpoint->config = *config;
    endpoint->config.url = g_strdup(config->url);
    endpoint->config.like = g_strdup(config->like);
    endpoint->timer = http_timer_new(config->context, ask, endpoint);
    ask(endpoint);
    return endpoint;
}

void endpoint_free(struct endpoint *endpoint)
{
    if (endpoint == NULL)
        return;
    if (endpoint->request != NULL)
        http_cancel(endpoint->request);
    http_timer_free(endpoint->timer);
    g_free((char *)endpoint->config.url);
    g_free((char *)endpoint->config.like);
    g_free(endpoint);
}

void endpoint_refresh(struct endpoint *endpoint)
{
    ask(endpoint);
}
