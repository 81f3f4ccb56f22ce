/* SPDX-License-Identifier: MIT */
#include "naming/naming_request.h"

#include "naming/naming_outcome.h"

#include <string.h>

#define RETRY_PAUSE_MS 100 /* before a server that refused is asked again */
#define SHARE_MIN_MS 500   /* an attempt gets this however many servers wait for their turn */

enum { UNTRIED, TRIED, DOUBTED }; /* DOUBTED: it answered, but not as a sound server would */

struct naming_request {
    struct naming_transport *transport;
    char *method, *path, *query, *form;
    gboolean client_ip, beat;
    gint64 deadline; /* monotonic us */
    guint attempt_ms;
    struct service_key *list_of; /* NULL = no list */
    naming_take_fn take;
    naming_decode_fn decode;
    naming_done_fn done;
    gpointer user_data;

    guint8 *tried;                /* one a server */
    guint attempts;               /* made so far */
    guint server;                 /* asked at the moment, or last */
    struct http_request *attempt; /* NULL between attempts */
    struct http_timer *pause;     /* NULL but for the pause before a retry */
    struct parse_job *parse;      /* NULL but while a large list is parsed */
    struct http_timer *overdue;   /* the deadline of that; NULL as long as there was none */
};

static void try_next(struct naming_request *request);

static void judge(struct naming_request *request, const struct http_response *response,
                  struct outcome *outcome)
{
    outcome_of_response(outcome, response);
    if (outcome->status == NAMING_OK &&
        !request->decode(response->body, response->body_length, request->user_data, &outcome->text))
        outcome_is_nonsense(outcome);
}

static void request_free(struct naming_request *request)
{
    if (request->attempt != NULL)
        http_cancel(request->attempt);
    if (request->parse != NULL)
        parse_job_cancel(request->parse);
    g_clear_pointer(&request->pause, http_timer_free);
    g_clear_pointer(&request->overdue, http_timer_free);
    g_clear_pointer(&request->list_of, service_key_free);
    g_free(request->method);
    g_free(request->path);
    g_free(request->query);
    g_free(request->form);
    g_free(request->tried);
    g_free(request);
}

/* `done` comes last: it may free everything, the server list with its names included. */
static void finish(struct naming_request *request, enum naming_status status, const char *text)
{
    g_autofree char *server =
        g_strdup(server_list_host_port(request->transport->servers, request->server));
    g_autofree char *words = g_strdup(text != NULL ? text : "");
    struct naming_result result = {.status = status, .server = server, .text = words};
    naming_done_fn done = request->done;
    gpointer user_data = request->user_data;
    request_free(request);
    done(&result, user_data);
}

static gint64 remaining_ms(const struct naming_request *request)
{
    return (request->deadline - g_get_monotonic_time()) / 1000;
}

/* Servers that gave 500 or nonsense to what another server then did are not sound. */
static void blame_doubted(struct naming_request *request)
{
    guint n = server_list_count(request->transport->servers);
    for (guint i = 0; i < n; i++)
        if (request->tried[i] == DOUBTED && i != request->server)
            naming_transport_failed(request->transport, i, "fails where another server does not");
}

static void remember(struct naming_request *request, const struct http_response *response,
                     const struct outcome *outcome)
{
    struct naming_transport *transport = request->transport;
    if (outcome->unasked)
        return;
    server_list_met(transport->servers, request->server, response->peer);
    if (outcome->failed)
        naming_transport_failed(transport, request->server, outcome->text);
    else
        server_list_answered(transport->servers, request->server, g_get_monotonic_time(),
                             response->elapsed_us);
}

static void on_pause(gpointer user_data)
{
    struct naming_request *request = user_data;
    g_clear_pointer(&request->pause, http_timer_free);
    try_next(request);
}

static void wait_a_moment(struct naming_request *request)
{
    request->pause = http_timer_new(request->transport->context, on_pause, request);
    http_timer_set(request->pause, g_get_monotonic_time() + RETRY_PAUSE_MS * 1000);
}

/* TRUE if another attempt is to be made, now or after a pause. */
static gboolean go_on(struct naming_request *request, const struct outcome *outcome)
{
    if (!outcome->failed && !outcome->doubt)
        return FALSE;
    if (remaining_ms(request) <= 0)
        return FALSE;
    if (server_list_next(request->transport->servers, request->tried) >= 0) {
        try_next(request);
        return TRUE;
    }
    if (!outcome->again || request->attempts > request->transport->retries ||
        remaining_ms(request) <= RETRY_PAUSE_MS)
        return FALSE;
    memset(request->tried, UNTRIED, server_list_count(request->transport->servers));
    wait_a_moment(request);
    return TRUE;
}

static void conclude(struct naming_request *request, const struct outcome *outcome)
{
    g_autofree char *text = outcome->text;
    if (outcome->doubt)
        request->tried[request->server] = DOUBTED;
    if (outcome->status == NAMING_OK)
        blame_doubted(request);
    if (!go_on(request, outcome))
        finish(request, outcome->status, text);
}

/* --- large lists --- */

static void on_parsed(struct service_info *info, const char *why, gpointer user_data)
{
    struct naming_request *request = user_data;
    struct outcome outcome = {.status = NAMING_OK};
    request->parse = NULL;
    g_clear_pointer(&request->overdue, http_timer_free);
    if (info != NULL) {
        request->take(info, request->user_data);
    } else {
        outcome.text = g_strdup(why);
        outcome_is_nonsense(&outcome);
    }
    conclude(request, &outcome);
}

static void on_overdue(gpointer user_data)
{
    finish(user_data, NAMING_TIMEOUT, "a list too large to be parsed in time");
}

static gboolean is_large_list(const struct naming_request *request,
                              const struct http_response *response)
{
    return request->list_of != NULL && response->failure == HTTP_ANSWERED &&
           response->status == 200 && response->body_length > PARSE_WORKER_FROM;
}

static void parse(struct naming_request *request, struct http_response *response)
{
    gsize length = response->body_length;
    char *body = http_response_take_body(response);
    request->parse = parse_worker_add(request->transport->parser, body, length, request->list_of,
                                      on_parsed, request);
    if (request->parse == NULL) {
        finish(request, NAMING_TIMEOUT, "too many large lists at once");
        return;
    }
    request->overdue = http_timer_new(request->transport->context, on_overdue, request);
    http_timer_set(request->overdue, request->deadline);
}

/* --- attempts --- */

static void on_response(const struct http_response *answer, gpointer user_data)
{
    struct naming_request *request = user_data;
    struct http_response response = *answer;
    struct outcome outcome = {.status = NAMING_OK};
    gboolean large = is_large_list(request, answer);
    request->attempt = NULL;
    if (!large)
        judge(request, answer, &outcome);
    remember(request, answer, &outcome);
    if (large)
        parse(request, &response);
    else
        conclude(request, &outcome);
}

static char *url_for(const struct naming_request *request)
{
    struct naming_transport *transport = request->transport;
    GString *url = g_string_new(server_list_url(transport->servers, request->server));
    g_string_append_printf(url, "%s?%s", request->path, request->query);
    if (request->client_ip) {
        g_autofree char *own = naming_transport_own_ip(transport, request->server);
        http_form_add(url, "clientIP", own != NULL ? own : "");
    }
    return g_string_free(url, FALSE);
}

/* The time of one attempt: what is left, shared with the good servers still to come. */
static guint attempt_time(const struct naming_request *request)
{
    gint64 left = MAX(remaining_ms(request), 1);
    const struct server_list *servers = request->transport->servers;
    guint others = server_list_good_left(servers, request->tried, request->server);
    gboolean last = server_list_next(servers, request->tried) < 0;
    gint64 share = MAX(left / (1 + others), SHARE_MIN_MS);
    if (!last || request->beat)
        share = MIN(share, request->attempt_ms);
    return (guint)MIN(share, left);
}

static void try_next(struct naming_request *request)
{
    struct naming_transport *transport = request->transport;
    request->server = (guint)server_list_next(transport->servers, request->tried);
    request->tried[request->server] = TRIED;
    request->attempts++;
    g_autofree char *url = url_for(request);
    server_list_asked(transport->servers, request->server);
    request->attempt =
        http_send(request->beat ? transport->beats : transport->http, request->method, url,
                  request->form, attempt_time(request), on_response, request);
}

struct naming_request *naming_request_send(struct naming_transport *transport,
                                           const struct naming_request_spec *spec,
                                           naming_decode_fn decode, naming_done_fn done,
                                           gpointer user_data)
{
    struct naming_request *request = g_new0(struct naming_request, 1);
    request->transport = transport;
    request->method = g_strdup(spec->method);
    request->path = g_strdup(spec->path);
    request->query = g_strdup(spec->query);
    request->form = g_strdup(spec->form);
    request->client_ip = spec->client_ip;
    request->beat = spec->beat;
    request->deadline = spec->deadline;
    request->attempt_ms = spec->attempt_ms;
    request->list_of = spec->list_of != NULL ? service_key_dup(spec->list_of) : NULL;
    request->take = spec->take;
    request->decode = decode;
    request->done = done;
    request->user_data = user_data;
    request->tried = g_new0(guint8, server_list_count(transport->servers));
    try_next(request);
    return request;
}

void naming_request_cancel(struct naming_request *request)
{
    request_free(request);
}
