/* SPDX-License-Identifier: MIT
 *
 * curl tells us which sockets and which time it waits for (curl_multi_socket_action), GLib waits.
 * Rule of this file: nobody's `done` runs inside curl. Ends are collected in http_drain() alone,
 * after curl has returned, so a `done` may send, cancel and free whatever it likes.
 *
 * curl's own queue for MAX_HOST_CONNECTIONS does not watch the clock of what waits in it, so
 * requests wait here, and the deadline of each is kept here, too.
 */
#include "naming/http.h"

#include "naming/http_easy.h"
#include "naming/http_watch.h"
#include "naming/resolver.h"

struct http {
    GMainContext *context;
    CURLM *multi;
    struct http_limits limits;
    struct http_timer *timer; /* due at the earlier of curl_due and the first deadline */
    gint64 curl_due;          /* monotonic us; -1 = curl waits for no time */
    struct http_queue queue;
    struct resolver *resolver;
    struct http_room large;
    gboolean draining; /* http_drain is at work and will see to the rest */
    gboolean closed;   /* http_free was called from a `done` */
};

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

/* FALSE if curl has no memory for it; it then waits on. So it does, and all of its lane, until its
 * server's name has an address. */
static gboolean request_start(struct http_request *request)
{
    struct http *http = request->http;
    const char *name = request->lane->name;
    const char *addresses = name != NULL ? resolver_addresses(http->resolver, name) : NULL;
    CURL *easy;
    if (name != NULL && addresses == NULL) {
        request->lane->nowhere = TRUE;
        return TRUE;
    }
    easy = curl_easy_init();
    if (easy == NULL)
        return FALSE;
    http_easy_prepare(easy, &http->limits, request, addresses);
    if (curl_multi_add_handle(http->multi, easy) != CURLM_OK) {
        curl_easy_cleanup(easy);
        return FALSE;
    }
    http_queue_started(request);
    request->easy = easy;
    return TRUE;
}

/* After whatever changed the requests: connections for those that wait, the time of the first due.
 */
static void go_on(struct http *http)
{
    struct http_request *next;
    if (http->draining) /* http_drain does it at its end */
        return;
    while ((next = http_queue_next(&http->queue)) != NULL && request_start(next))
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
}

static void request_free(struct http_request *request)
{
    if (request->easy != NULL)
        curl_easy_cleanup(request->easy);
    curl_slist_free_all(request->resolve);
    http_request_free(request);
}

static void request_finish(struct http_request *request, enum http_failure failure,
                           const char *text)
{
    struct http_response response = {
        .failure = failure, .text = text, .body = "", .peer = "", .local = ""};
    struct http *http = request->http;
    char *address = NULL;
    long status = 0;
    if (request->lane->name != NULL && (failure == HTTP_UNREACHABLE || failure == HTTP_TIMEOUT))
        resolver_doubt(http->resolver, request->lane->name);
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
    if (request->began > 0)
        response.elapsed_us = g_get_monotonic_time() - request->began;
    request->done(&response, request->user_data);
    request_free(request);
}

static void request_end(struct http_request *request, CURLcode code)
{
    enum http_failure failure = http_easy_failure(request, code);
    g_autofree char *text = NULL;
    if (failure == HTTP_TOO_LARGE)
        text = g_strdup_printf("a reply of more than %" G_GSIZE_FORMAT " bytes",
                               request->http->limits.max_response);
    else if (failure == HTTP_BUSY)
        text = g_strdup("too many large replies at once");
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
    resolver_free(http->resolver);
    http_queue_clear(&http->queue);
    http_limits_clear(&http->limits);
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

static void drain_late(struct http_request *request)
{
    if (request->easy != NULL) {
        request_finish(request, HTTP_TIMEOUT, "no answer in time");
    } else if (*request->error != '\0') {
        g_autofree char *why = g_strdup(request->error);
        request_finish(request, HTTP_UNREACHABLE, why);
    } else if (request->lane->nowhere) {
        request_finish(request, HTTP_TIMEOUT, "its name was not resolved in time");
    } else {
        request_finish(request, HTTP_BUSY, "no free connection in time");
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
        drain_late(late);
    http->draining = FALSE;
    if (http->closed)
        http_destroy(http);
    else
        go_on(http);
}

static void on_name(const char *host, const char *why, gpointer user_data)
{
    struct http *http = user_data;
    http_queue_named(&http->queue, host, why);
    http_drain(http);
}

struct http *http_new(const struct http_limits *limits)
{
    struct http *http = g_new0(struct http, 1);
    http->context = g_main_context_ref_thread_default();
    http_limits_copy(&http->limits, limits);
    http->curl_due = -1;
    http->large.most = 2 * http->limits.max_response;
    http_queue_init(&http->queue, http->limits.max_connections);
    http->timer = http_timer_new(http->context, on_due, http);
    http->resolver = resolver_new(on_name, http);
    http->multi = curl_multi_init();
    if (http->multi == NULL)
        g_error("no memory for curl");
    long connections = (long)http->limits.max_connections;
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_curl_time);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, 2 * connections); /* kept when idle */
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
    request->body.large = &http->large;
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
