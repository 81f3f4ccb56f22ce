/* SPDX-License-Identifier: MIT
 *
 * The requests that http.c has under way: in the order of their deadlines, and, for each server,
 * those that wait for a connection in the order in which they came. No I/O, no curl.
 */
#pragma once

#include "naming/http.h"
#include "naming/http_body.h"

#define HTTP_ERROR_SIZE 256 /* CURL_ERROR_SIZE */

struct http_queue {
    GSequence *by_deadline; /* struct http_request, all of them */
    GHashTable *lanes;      /* origin -> struct http_lane with at least one request */
    guint connections;      /* of a lane at most */
};

struct http_lane {    /* the requests to one server */
    char *origin;     /* "http://10.0.0.1:8848" */
    char *name;       /* of its host; NULL = an address, or nothing that makes sense */
    guint port;       /* with `name` */
    gboolean nowhere; /* `name` has no address yet, so nothing can be started */
    GQueue waiting;   /* struct http_request without a connection, oldest first */
    guint active;     /* those with one */
};

struct http_request {
    struct http *http; /* borrowed */
    struct http_queue *queue;
    GSequenceIter *place; /* in queue->by_deadline */
    struct http_lane *lane;
    GList link;       /* in lane->waiting while easy is NULL */
    gpointer easy;    /* curl's handle, http.c's affair; NULL while waiting */
    gpointer resolve; /* curl's list, the same: the addresses of lane->name */
    char *method, *url, *form;
    gint64 began;    /* monotonic us when it got its connection; 0 = not yet */
    gint64 deadline; /* monotonic us */
    struct http_body body;
    char error[HTTP_ERROR_SIZE]; /* curl's words */
    http_done_fn done;
    gpointer user_data;
};

/* `connections` >= 1. */
void http_queue_init(struct http_queue *queue, guint connections);
void http_queue_clear(struct http_queue *queue); /* must be empty */

/* New record at the end of the waiting ones; strings are copied, the rest is the caller's to fill
 * in. */
struct http_request *http_queue_add(struct http_queue *queue, const char *method, const char *url,
                                    const char *form, guint timeout_ms);
/* The request whose time is up next; NULL if there is none. */
struct http_request *http_queue_first_due(const struct http_queue *queue);
/* A request whose time is up; NULL if there is none. */
struct http_request *http_queue_overdue(const struct http_queue *queue);
/* One that waits though its server's lane has a connection for it, and an address; NULL if there is
 * none. */
struct http_request *http_queue_next(const struct http_queue *queue);
/* A look-up of a host's name has ended: its lanes go on, or, if `why` is no NULL, the time of what
 * waits in them is up, with those words in `error`. */
void http_queue_named(struct http_queue *queue, const char *name, const char *why);
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

void http_limits_copy(struct http_limits *to, const struct http_limits *from);
void http_limits_clear(struct http_limits *limits);
