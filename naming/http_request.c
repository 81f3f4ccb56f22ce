/* SPDX-License-Identifier: MIT */
#include "naming/http_request.h"

#include <string.h>

void http_queue_init(struct http_queue *queue)
{
    queue->by_deadline = g_sequence_new(NULL);
    g_queue_init(&queue->waiting);
}

void http_queue_clear(struct http_queue *queue)
{
    g_clear_pointer(&queue->by_deadline, g_sequence_free);
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
    request->started = g_get_monotonic_time();
    request->deadline = request->started + (gint64)timeout_ms * 1000;
    request->link.data = request;
    request->place = g_sequence_insert_sorted(queue->by_deadline, request, compare_deadlines, NULL);
    g_queue_push_tail_link(&queue->waiting, &request->link);
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

struct http_request *http_queue_first_waiting(const struct http_queue *queue)
{
    return g_queue_peek_head((GQueue *)&queue->waiting);
}

void http_queue_started(struct http_request *request)
{
    g_queue_unlink(&request->queue->waiting, &request->link);
}

void http_queue_remove(struct http_request *request)
{
    g_sequence_remove(request->place);
    if (request->easy == NULL)
        g_queue_unlink(&request->queue->waiting, &request->link);
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
    g_free(request->form);
    http_body_clear(&request->body);
    g_free(request);
}
