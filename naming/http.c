/* SPDX-License-Identifier: MIT
 *
 * curl tells us which sockets and which time it waits for (curl_multi_socket_action), GLib waits.
 * Rule of this file: nobody's `done` runs inside curl. Ends are collected in http_drain() alone,
 * after curl has returned, so a `done` may send, cancel and free whatever it likes.
 *
 * curl's own queue for MAX_TOTAL_CONNECTIONS does not watch the clock of what waits in it, so
 * requests wait here, and the deadline of each is kept here, too.
 */
#include "naming/http.h"

#include "naming/http_request.h"
#include "naming/http_watch.h"

#include <curl/curl.h>
#include <string.h>

/* SwitchDomain of the servers: a C client from 1.0.12 on is pushed to. */
#define USER_AGENT "Nacos-C-Client:v1.4.8"

struct http {
    GMainContext *context;
    CURLM *multi;
    struct http_limits limits;
    struct http_timer *timer; /* due at the earlier of curl_due and the first deadline */
    gint64 curl_due;          /* monotonic us; -1 = curl waits for no time */
    struct http_queue queue;
    guint active;      /* those that curl has */
    gboolean draining; /* http_drain is at work and will see to the rest */
    gboolean closed;   /* http_free was called from a `done` */
};

G_STATIC_ASSERT(HTTP_ERROR_SIZE == CURL_ERROR_SIZE);

static void http_drain(struct http *http);

/* --- what curl waits for --- */

static void on_ready(int fd, GIOCondition ready, gpointer user_data)
{
    struct http *http = user_data;
    int bits = 0, running;
    if (ready & (G_IO_IN | G_IO_HUP))
        bits |= CURL_CSELECT_IN;
    if (ready & G_IO_OUT)
        bits |= CURL_CSELECT_OUT;
    if (ready & (G_IO_ERR | G_IO_NVAL))
        bits |= CURL_CSELECT_ERR;
    curl_multi_socket_action(http->multi, fd, bits, &running);
    http_drain(http);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user_data, void *socket_data)
{
    struct http *http = user_data;
    struct http_watch *watch = socket_data;
    if (what == CURL_POLL_REMOVE) {
        g_clear_pointer(&watch, http_watch_free);
        curl_multi_assign(http->multi, fd, NULL);
        return 0;
    }
    if (watch == NULL) {
        watch = http_watch_new(http->context, fd, on_ready, http);
        curl_multi_assign(http->multi, fd, watch);
    }
    http_watch_set(watch,
                   (what & CURL_POLL_IN ? G_IO_IN : 0) | (what & CURL_POLL_OUT ? G_IO_OUT : 0));
    return 0;
}

static void arm(struct http *http)
{
    gint64 due = http->curl_due;
    struct http_request *request = http_queue_first_due(&http->queue);
    if (request != NULL)
        due = due < 0 ? request->deadline : MIN(due, request->deadline);
    http_timer_set(http->timer, due);
}

static int on_curl_time(CURLM *multi, long timeout_ms, void *user_data)
{
    struct http *http = user_data;
    http->curl_due = timeout_ms < 0 ? -1 : g_get_monotonic_time() + timeout_ms * 1000;
    arm(http);
    return 0;
}

static void on_due(gpointer user_data)
{
    struct http *http = user_data;
    if (http->curl_due >= 0 && http->curl_due <= g_get_monotonic_time()) {
        int running;
        http->curl_due = -1;
        curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    http_drain(http);
}

/* --- one request --- */

static void set_limits(CURL *easy, const struct http_limits *limits)
{
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)limits->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)limits->max_response);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* else the end of a request joins a look-up thread that hangs */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
}

static void set_method(CURL *easy, const struct http_request *request)
{
    const char *form = http_request_form(request);
    if (form != NULL) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(form));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, form); /* not copied */
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

/* FALSE if curl has no memory for it; it then waits on. */
static gboolean request_start(struct http_request *request)
{
    struct http *http = request->http;
    CURL *easy = curl_easy_init();
    if (easy == NULL)
        return FALSE;
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    set_limits(easy, &http->limits);
    set_method(easy, request);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_request_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
    if (curl_multi_add_handle(http->multi, easy) != CURLM_OK) {
        curl_easy_cleanup(easy);
        return FALSE;
    }
    http_queue_started(request);
    request->easy = easy;
    http->active++;
    return TRUE;
}

/* After whatever changed the requests: connections for those that wait, the time of the first due.
 */
static void go_on(struct http *http)
{
    struct http_request *first;
    if (http->draining) /* http_drain does it at its end */
        return;
    while (http->active < http->limits.max_connections &&
           (first = http_queue_first_waiting(&http->queue)) != NULL && request_start(first))
        ;
    arm(http);
}

/* Takes it out of everything but its own memory; a transfer under way loses its connection. */
static void request_detach(struct http_request *request)
{
    struct http *http = request->http;
    http_queue_remove(request);
    if (request->easy == NULL)
        return;
    curl_multi_remove_handle(http->multi, request->easy);
    http->active--;
}

static void request_free(struct http_request *request)
{
    if (request->easy != NULL)
        curl_easy_cleanup(request->easy);
    http_request_free(request);
}

static void request_finish(struct http_request *request, enum http_failure failure,
                           const char *text)
{
    struct http_response response = {
        .failure = failure, .text = text, .body = "", .peer = "", .local = ""};
    char *address = NULL;
    long status = 0;
    request_detach(request);
    if (request->easy != NULL) {
        curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
        if (curl_easy_getinfo(request->easy, CURLINFO_PRIMARY_IP, &address) == CURLE_OK && address)
            response.peer = address;
        if (curl_easy_getinfo(request->easy, CURLINFO_LOCAL_IP, &address) == CURLE_OK && address)
            response.local = address;
    }
    if (failure == HTTP_ANSWERED) {
        response.status = (int)status;
        response.body = request->body.data != NULL ? request->body.data : "";
        response.body_length = request->body.length;
        response.buffer = &request->body;
    }
    response.elapsed_us = g_get_monotonic_time() - request->started;
    request->done(&response, request->user_data);
    request_free(request);
}

static enum http_failure failure_of(const struct http_request *request, CURLcode code)
{
    if (request->body.overflow)
        return HTTP_TOO_LARGE;
    switch (code) {
    case CURLE_OK:
        return HTTP_ANSWERED;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_TIMEOUT;
    case CURLE_FILESIZE_EXCEEDED:
        return HTTP_TOO_LARGE;
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9: no status line */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        return HTTP_GARBAGE;
    default:
        return HTTP_UNREACHABLE;
    }
}

static void request_end(struct http_request *request, CURLcode code)
{
    enum http_failure failure = failure_of(request, code);
    g_autofree char *text = NULL;
    if (failure == HTTP_TOO_LARGE)
        text = g_strdup_printf("a reply of more than %" G_GSIZE_FORMAT " bytes",
                               request->http->limits.max_response);
    else if (failure != HTTP_ANSWERED)
        text = g_strdup(*request->error != '\0' ? request->error : curl_easy_strerror(code));
    request_finish(request, failure, text != NULL ? text : "");
}

/* --- all of them --- */

static void http_destroy(struct http *http)
{
    struct http_request *request;
    while ((request = http_queue_first_due(&http->queue)) != NULL) {
        request_detach(request);
        request_free(request);
    }
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, NULL);
    curl_multi_cleanup(http->multi);
    http_timer_free(http->timer);
    http_queue_clear(&http->queue);
    g_main_context_unref(http->context);
    g_free(http);
}

static void drain_ended(struct http *http)
{
    CURLMsg *message;
    int left;
    while (!http->closed && (message = curl_multi_info_read(http->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        struct http_request *request;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
        request_end(request, code);
    }
}

static void http_drain(struct http *http)
{
    if (http->draining) /* a `done` runs the loop itself */
        return;
    http->draining = TRUE;
    drain_ended(http);
    struct http_request *late;
    while (!http->closed && (late = http_queue_overdue(&http->queue)) != NULL)
        request_finish(late, HTTP_TIMEOUT,
                       late->easy != NULL ? "no answer in time" : "no free connection in time");
    http->draining = FALSE;
    if (http->closed)
        http_destroy(http);
    else
        go_on(http);
}

struct http *http_new(const struct http_limits *limits)
{
    struct http *http = g_new0(struct http, 1);
    http->context = g_main_context_ref_thread_default();
    http->limits = *limits;
    http->limits.max_connections = MAX(limits->max_connections, 1);
    http->curl_due = -1;
    http_queue_init(&http->queue);
    http->timer = http_timer_new(http->context, on_due, http);
    http->multi = curl_multi_init();
    if (http->multi == NULL)
        g_error("no memory for curl");
    long connections = (long)http->limits.max_connections;
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_curl_time);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, connections);
    return http;
}

void http_free(struct http *http)
{
    if (http == NULL)
        return;
    if (http->draining)
        http->closed = TRUE;
    else
        http_destroy(http);
}

struct http_request *http_send(struct http *http, const char *method, const char *url,
                               const char *form, guint timeout_ms, http_done_fn done,
                               gpointer user_data)
{
    struct http_request *request = http_queue_add(&http->queue, method, url, form, timeout_ms);
    request->http = http;
    request->body.limit = http->limits.max_response;
    request->done = done;
    request->user_data = user_data;
    go_on(http);
    return request;
}

void http_cancel(struct http_request *request)
{
    struct http *http = request->http;
    request_detach(request);
    request_free(request);
    go_on(http);
}

guint http_in_flight(const struct http *http)
{
    return (guint)g_sequence_get_length(http->queue.by_deadline);
}
