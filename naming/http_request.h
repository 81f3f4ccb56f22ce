/* SPDX-License-Identifier: MIT
 *
 * The requests that http.c has under way: in the order of their deadlines, and those that wait for
 * a connection in the order in which they came. No I/O, no curl.
 */
#pragma once

#include "naming/http.h"
#include "naming/http_body.h"

#define HTTP_ERROR_SIZE 256 /* CURL_ERROR_SIZE */

struct http_queue {
    GSequence *by_deadline; /* struct http_request, all of them */
    GQueue waiting;         /* those that have no connection yet, oldest first */
};

struct http_request {
    struct http *http; /* borrowed */
    struct http_queue *queue;
    GSequenceIter *place; /* in queue->by_deadline */
    GList link;           /* in queue->waiting while easy is NULL */
    gpointer easy;        /* curl's handle, http.c's affair; NULL while waiting */
    char *method, *url, *form;
    gint64 started, deadline; /* monotonic us */
    struct http_body body;
    char error[HTTP_ERROR_SIZE]; /* curl's words */
    http_done_fn done;
    gpointer user_data;
};

void http_queue_init(struct http_queue *queue);
void http_queue_clear(struct http_queue *queue); /* must be empty */

/* New record at the end of the waiting ones; strings are copied, the rest is the caller's to fill
 * in. */
struct http_request *http_queue_add(struct http_queue *queue, const char *method, const char *url,
                                    const char *form, guint timeout_ms);
/* The request whose time is up next; NULL if there is none. */
struct http_request *http_queue_first_due(const struct http_queue *queue);
/* A request whose time is up; NULL if there is none. */
struct http_request *http_queue_overdue(const struct http_queue *queue);
/* The one that waits longest; NULL if none waits. */
struct http_request *http_queue_first_waiting(const struct http_queue *queue);
/* It waits no longer: it is about to get its `easy`. */
void http_queue_started(struct http_request *request);
/* Out of the queue; the record stays. */
void http_queue_remove(struct http_request *request);

/* CURLOPT_WRITEFUNCTION: `data` is decoded, the gzip undone. */
size_t http_request_body(char *data, size_t size, size_t n, void *request);
/* The body to send, borrowed: "" where a method wants one and there is none, NULL for no body. */
const char *http_request_form(const struct http_request *request);

/* After http_queue_remove and after http.c took care of `easy`. */
void http_request_free(struct http_request *request);
