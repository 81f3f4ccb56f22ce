/* SPDX-License-Identifier: MIT */
#include "naming/http_request.h"

#include <arpa/inet.h>
#include <string.h>

static void lane_free(gpointer data)
{
    struct http_lane *lane = data;
    g_free(lane->origin);
    g_free(lane->name);
    g_free(lane);
}

void http_queue_init(struct http_queue *queue, guint connections)
{
    queue->by_deadline = g_sequence_new(NULL);
    queue->lanes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, lane_free);
    queue->connections = connections;
}

void http_queue_clear(struct http_queue *queue)
{
    g_clear_pointer(&queue->by_deadline, g_sequence_free);
    g_clear_pointer(&queue->lanes, g_hash_table_unref);
}

/* Its host, unless that is an address, and port. */
static void lane_name(struct http_lane *lane)
{
    g_autofree char *scheme = NULL;
    struct in_addr old_style; /* "127.1" */
    int port;

    if (!g_uri_split_network(lane->origin, G_URI_FLAGS_NONE, &scheme, &lane->name, &port, NULL))
        return;
    lane->port = port > 0 ? (guint)port : (strcmp(scheme, "https") == 0 ? 443 : 80);
    if (lane->name != NULL &&
        (g_hostname_is_ip_address(lane->name) || inet_aton(lane->name, &old_style)))
        g_clear_pointer(&lane->name, g_free);
}

/* All that has the same scheme, host and port. */
static struct http_lane *lane_of(struct http_queue *queue, const char *url)
{
    const char *authority = strstr(url, "://");
    authority = authority != NULL ? authority + 3 : url;
    gsize length = (gsize)(authority - url) + strcspn(authority, "/?#");
    g_autofree char *origin = g_strndup(url, length);
    struct http_lane *lane = g_hash_table_lookup(queue->lanes, origin);
    if (lane == NULL) {
        lane = g_new0(struct http_lane, 1);
        lane->origin = g_steal_pointer(&origin);
        lane_name(lane);
        g_queue_init(&lane->waiting);
        g_hash_table_insert(queue->lanes, lane->origin, lane);
    }
    return lane;
}

static int compare_deadlines(gconstpointer a, gconstpointer b, gpointer unused)
{
    const struct http_request *one = a, *other = b;
    return (one->deadline > other->deadline) - (one->deadline < other->deadline);
}

struct http_request *http_queue_add(struct http_queue *queue, const char *method, const char *url,
                                    const char *form, guint timeout_ms)
{
    struct http_request *request = g_new0(struct http_request, 1);
    request->queue = queue;
    request->method = g_strdup(method);
    request->url = g_strdup(url);
    request->form = g_strdup(form);
    request->deadline = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    request->lane = lane_of(queue, url);
    request->link.data = request;
    request->place = g_sequence_insert_sorted(queue->by_deadline, request, compare_deadlines, NULL);
    g_queue_push_tail_link(&request->lane->waiting, &request->link);
    return request;
}

struct http_request *http_queue_first_due(const struct http_queue *queue)
{
    GSequenceIter *first = g_sequence_get_begin_iter(queue->by_deadline);
    return g_sequence_iter_is_end(first) ? NULL : g_sequence_get(first);
}

struct http_request *http_queue_overdue(const struct http_queue *queue)
{
    struct http_request *first = http_queue_first_due(queue);
    return first != NULL && first->deadline <= g_get_monotonic_time() ? first : NULL;
}

struct http_request *http_queue_next(const struct http_queue *queue)
{
    struct http_lane *lane;
    GHashTableIter iter;
    g_hash_table_iter_init(&iter, queue->lanes);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&lane))
        if (!lane->nowhere && lane->active < queue->connections && lane->waiting.length > 0)
            return g_queue_peek_head(&lane->waiting);
    return NULL;
}

static void lane_fail(struct http_lane *lane, const char *why)
{
    for (GList *link = lane->waiting.head; link != NULL; link = link->next) {
        struct http_request *request = link->data;

        g_snprintf(request->error, sizeof request->error, "%s", why);
        request->deadline = 0;
        g_sequence_sort_changed(request->place, compare_deadlines, NULL);
    }
}

void http_queue_named(struct http_queue *queue, const char *name, const char *why)
{
    struct http_lane *lane;
    GHashTableIter iter;
    g_hash_table_iter_init(&iter, queue->lanes);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&lane)) {
        if (g_strcmp0(lane->name, name) != 0)
            continue;
        lane->nowhere = FALSE;
        if (why != NULL)
            lane_fail(lane, why);
    }
}

void http_queue_started(struct http_request *request)
{
    g_queue_unlink(&request->lane->waiting, &request->link);
    request->lane->active++;
    request->began = g_get_monotonic_time();
}

void http_queue_remove(struct http_request *request)
{
    struct http_lane *lane = request->lane;
    g_sequence_remove(request->place);
    if (request->easy == NULL)
        g_queue_unlink(&lane->waiting, &request->link);
    else
        lane->active--;
    if (lane->active == 0 && lane->waiting.length == 0)
        g_hash_table_remove(request->queue->lanes, lane->origin);
}

size_t http_request_body(char *data, size_t size, size_t n, void *user_data)
{
    struct http_request *request = user_data;
    return http_body_append(&request->body, data, size * n) ? size * n : 0;
}

const char *http_request_form(const struct http_request *request)
{
    if (request->form == NULL &&
        (strcmp(request->method, "POST") == 0 || strcmp(request->method, "PUT") == 0))
        return "";
    return request->form;
}

void http_request_free(struct http_request *request)
{
    g_free(request->method);
    g_free(request->url);
    if (request->form != NULL)
        explicit_bzero(request->form, strlen(request->form)); /* may be a password */
    g_free(request->form);
    http_body_clear(&request->body);
    g_free(request);
}

void http_limits_copy(struct http_limits *to, const struct http_limits *from)
{
    *to = *from;
    to->max_connections = MAX(from->max_connections, 1);
    to->tls.cafile = g_strdup(from->tls.cafile);
    to->tls.cert = g_strdup(from->tls.cert);
    to->tls.key = g_strdup(from->tls.key);
}

void http_limits_clear(struct http_limits *limits)
{
    g_free(limits->tls.cafile);
    g_free(limits->tls.cert);
    g_free(limits->tls.key);
}
