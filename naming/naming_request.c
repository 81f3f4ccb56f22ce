/* SPDX-License-Identifier: MIT */
#include "naming/naming_request.h"

#include "naming/call_metrics.h"
#include "naming/naming_outcome.h"
#include "naming/security_proxy.h"

#include <string.h>

#define RETRY_PAUSE_MS 100 /* before a server that refused is asked again */
#define SHARE_MIN_MS 500   /* an attempt gets this however many servers wait for their turn */

enum { UNTRIED, TRIED, DOUBTED }; /* DOUBTED: it answered, but not as a sound server would */

struct naming_request {
    struct naming_transport *transport;
    struct server_list *servers;     /* as they were when it began */
    struct naming_request_spec spec; /* strings and key are owned */
    naming_decode_fn decode;
    naming_done_fn done;
    gpointer user_data;

    guint8 *tried;                /* one a server */
    guint attempts;               /* made so far */
    guint server;                 /* asked at the moment, or last */
    struct http_request *attempt; /* NULL between attempts */
    struct http_timer *pause;     /* NULL but for the pause before a retry */
    struct parse_job *parse;      /* NULL but while a large list is parsed */
    struct security_wait login;   /* for a new token */
    guint token;                  /* version of the one that was used */
    gboolean refused;             /* it was, once */
    char *refusal;                /* what the server said then */
    struct http_timer *overdue;   /* the deadline of both; NULL as long as there was none */
};

static void ask(struct naming_request *request, guint server);
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
    security_proxy_leave(request->transport->security, &request->login);
    g_clear_pointer(&request->pause, http_timer_free);
    g_clear_pointer(&request->overdue, http_timer_free);
    naming_request_spec_clear(&request->spec);
    server_list_unref(request->servers);
    g_free(request->refusal);
    g_free(request->tried);
    g_free(request);
}

/* `done` comes last: it may free everything, the server list with its names included. */
static void finish(struct naming_request *request, enum naming_status status, const char *text)
{
    g_autofree char *server = g_strdup(server_list_host_port(request->servers, request->server));
    g_autofree char *words = g_strdup(text != NULL ? text : "");
    struct naming_result result = {.status = status, .server = server, .text = words};
    naming_done_fn done = request->done;
    gpointer user_data = request->user_data;
    request_free(request);
    done(&result, user_data);
}

static gint64 remaining_ms(const struct naming_request *request)
{
    return (request->spec.deadline - g_get_monotonic_time()) / 1000;
}

/* Servers that gave 500 or nonsense to what another server then did are not sound. */
static void blame_doubted(struct naming_request *request)
{
    guint n = server_list_count(request->servers);
    for (guint i = 0; i < n; i++)
        if (request->tried[i] == DOUBTED && i != request->server)
            naming_transport_failed(request->transport, request->servers, i,
                                    "fails where another server does not");
}

static void count(struct naming_request *request, const struct http_response *response,
                  const struct outcome *outcome)
{
    gboolean answered = response->failure == HTTP_ANSWERED;
    call_metrics_ended(request->transport->metrics,
                       server_list_host_port(request->servers, request->server), request->spec.call,
                       outcome->status != NAMING_OK, answered ? response->elapsed_us : -1);
}

static void remember(struct naming_request *request, const struct http_response *response,
                     const struct outcome *outcome)
{
    struct naming_transport *transport = request->transport;
    count(request, response, outcome);
    if (outcome->unasked)
        return;
    if (outcome->failed)
        naming_transport_failed(transport, request->servers, request->server, outcome->text);
    else
        naming_transport_answered(transport, request->servers, request->server, response);
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
    if (server_list_next(request->servers, request->tried) >= 0) {
        try_next(request);
        return TRUE;
    }
    if (!outcome->again || request->attempts > request->transport->retries ||
        remaining_ms(request) <= RETRY_PAUSE_MS)
        return FALSE;
    memset(request->tried, UNTRIED, server_list_count(request->servers));
    wait_a_moment(request);
    return TRUE;
}

/* --- log-in --- */

static void ask_again(struct naming_request *request)
{
    request->tried[request->server] = UNTRIED;
    request->attempts--;
    ask(request, request->server);
}

static void on_login(gboolean renewed, gpointer user_data)
{
    struct naming_request *request = user_data;
    g_clear_pointer(&request->overdue, http_timer_free);
    if (renewed && remaining_ms(request) > 0)
        ask_again(request);
    else
        finish(request, NAMING_DENIED, request->refusal);
}

static void on_no_login(gpointer user_data)
{
    struct naming_request *request = user_data;
    finish(request, NAMING_DENIED, request->refusal);
}

static void set_overdue(struct naming_request *request, http_due_fn due)
{
    request->overdue = http_timer_new(request->transport->context, due, request);
    http_timer_set(request->overdue, request->spec.deadline);
}

/* TRUE if it is tried again with another token, now or after a log-in. */
static gboolean log_in(struct naming_request *request, const struct outcome *outcome)
{
    if (outcome->status != NAMING_DENIED || request->refused || request->spec.anonymous ||
        remaining_ms(request) <= 0)
        return FALSE;
    request->refused = TRUE;
    request->refusal = g_strdup(outcome->text);
    request->login.settled = on_login;
    request->login.user_data = request;
    switch (security_proxy_refused(request->transport->security, request->token, &request->login)) {
    case SECURITY_NEWER:
        ask_again(request);
        return TRUE;
    case SECURITY_WAIT:
        set_overdue(request, on_no_login);
        return TRUE;
    default:
        return FALSE;
    }
}

static void conclude(struct naming_request *request, const struct outcome *outcome)
{
    g_autofree char *text = outcome->text;
    if (outcome->doubt)
        request->tried[request->server] = DOUBTED;
    if (outcome->status == NAMING_OK)
        blame_doubted(request);
    if (!log_in(request, outcome) && !go_on(request, outcome))
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
        request->spec.take(info, request->user_data);
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
    return request->spec.take != NULL && response->failure == HTTP_ANSWERED &&
           response->status == 200 && response->body_length > PARSE_WORKER_FROM;
}

static void parse(struct naming_request *request, struct http_response *response)
{
    gsize length = response->body_length;
    char *body = http_response_take_body(response);
    request->parse = parse_worker_add(request->transport->parser, body, length,
                                      request->spec.service, on_parsed, request);
    if (request->parse == NULL) {
        finish(request, NAMING_TIMEOUT, "too many large lists at once");
        return;
    }
    set_overdue(request, on_overdue);
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
    GString *url = g_string_new(server_list_url(request->servers, request->server));
    g_string_append_printf(url, "%s?%s", request->spec.path, request->spec.query);
    if (request->spec.client_ip) {
        const char *address = server_list_address(request->servers, request->server);
        g_autofree char *own = naming_transport_own_ip(transport, address);
        http_form_add(url, "clientIP", own != NULL ? own : "");
    }
    if (!request->spec.anonymous)
        security_proxy_sign(transport->security, url, request->spec.service);
    return g_string_free(url, FALSE);
}

/* The time of one attempt: what is left, shared with the good servers still to come. */
static guint attempt_time(const struct naming_request *request)
{
    gint64 left = MAX(remaining_ms(request), 1);
    guint others = server_list_good_left(request->servers, request->tried, request->server);
    gboolean last = server_list_next(request->servers, request->tried) < 0;
    gint64 share = MAX(left / (1 + others), SHARE_MIN_MS);
    if (!last)
        share = MIN(share, request->spec.attempt_ms);
    return (guint)MIN(share, left);
}

static void ask(struct naming_request *request, guint server)
{
    struct naming_transport *transport = request->transport;
    const struct naming_request_spec *spec = &request->spec;
    request->server = server;
    request->tried[server] = TRIED;
    request->attempts++;
    request->token = spec->anonymous ? 0 : security_proxy_version(transport->security);
    g_autofree char *url = url_for(request);
    naming_transport_asked(transport, request->servers, server);
    call_metrics_asked(transport->metrics, server_list_host_port(request->servers, server),
                       spec->call);
    request->attempt = http_send(spec->urgent ? transport->beats : transport->http, spec->method,
                                 url, spec->form, attempt_time(request), on_response, request);
}

static void try_next(struct naming_request *request)
{
    ask(request, (guint)server_list_next(request->servers, request->tried));
}

struct naming_request *naming_request_send(struct naming_transport *transport,
                                           const struct naming_request_spec *spec,
                                           naming_decode_fn decode, naming_done_fn done,
                                           gpointer user_data)
{
    struct naming_request *request = g_new0(struct naming_request, 1);
    request->transport = transport;
    request->servers = server_list_ref(transport->servers);
    naming_request_spec_copy(&request->spec, spec);
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
