/* SPDX-License-Identifier: MIT
 *
 * HTTP requests by curl's multi interface on the calling thread's main context: request in, one
 * completion out. Only http*.c include curl. Limits are set at creation: body bytes counted after
 * decoding, time in all, time to connect, http and https only, no redirects, no proxy, no signals,
 * TLS 1.2 at least. Names are looked up beside the loop (resolver.h).
 */
#pragma once

#include <glib.h>

struct http;
struct http_request;

/* Of https. Files in PEM, read anew for each connection; NULL = curl's default, or none. */
struct http_tls {
    char *cafile;      /* authorities whom to trust, instead of the system's */
    char *cert, *key;  /* our own certificate; its key may be in the same file */
    gboolean insecure; /* any certificate, any name in it */
};

struct http_limits {
    guint connect_timeout_ms;
    gsize max_response;    /* bytes, decoded; all that are larger than 1 MiB get twice as much */
    guint max_connections; /* to each HOST:PORT; further requests wait inside, their clock running:
                              those for one that hangs are in nobody else's way */
    struct http_tls tls;
};

/* Why there is no status. */
enum http_failure {
    HTTP_ANSWERED = 0, /* status and body are there */
    HTTP_UNREACHABLE,  /* refused, reset, no address, truncated, TLS refused, ... */
    HTTP_TIMEOUT,
    HTTP_BUSY, /* our own doing: no connection was free in time, or large replies to others had all
                  the memory that there is for them */
    HTTP_TOO_LARGE,
    HTTP_GARBAGE, /* it answered, but not HTTP, or a broken encoding */
};

struct http_body;

struct http_response { /* valid during the callback only */
    enum http_failure failure;
    const char *text; /* borrowed; curl's words when there is no answer, else "" */
    int status;
    const char *body; /* borrowed; NUL behind it for convenience */
    gsize body_length;
    struct http_body *buffer; /* borrowed; where the body is; NULL = nowhere */
    const char *peer;         /* borrowed; numeric address that was connected to, "" if none */
    const char *local;        /* borrowed; our numeric address on that connection, "" if none */
    gint64 elapsed_us;        /* since it left us; 0 if it never did */
};

/* The body as the caller's own (g_free), without a copy; the response has none from then on. NULL
 * if there is no body. */
char *http_response_take_body(struct http_response *response);

typedef void (*http_done_fn)(const struct http_response *response, gpointer user_data);

/* `limits` is copied. Sources go to the thread-default main context. */
struct http *http_new(const struct http_limits *limits);
void http_free(struct http *http); /* drops requests under way without `done` */

/* `method` GET, POST, PUT, DELETE. `url` complete with query. `form` NULL or an urlencoded body.
 * `timeout_ms` > 0. All strings are copied. `done` is called once, never before this returns. */
struct http_request *http_send(struct http *http, const char *method, const char *url,
                               const char *form, guint timeout_ms, http_done_fn done,
                               gpointer user_data);
void http_cancel(struct http_request *request); /* `done` will not be called */
guint http_in_flight(const struct http *http);

/* name=value&... builder with percent-encoding of each value. */
void http_form_add(GString *form, const char *name, const char *value);
