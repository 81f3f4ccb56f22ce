/* SPDX-License-Identifier: MIT
 *
 * One request of the Open API, tried on one server after the other within one deadline.
 *
 * 200 with a body that makes sense is the end; so is any answer that another server would give, too
 * (4xx, 501, 3xx, too large). No answer, 500, 502, 503, 504 or a body without sense lead to the
 * next server. One attempt gets at most `attempt_ms` while another server is untried, a beat's in
 * any case, and no more than its share of the time while other good servers are untried. When every
 * server was tried once and time is left, those that could not be talked to are tried again after a
 * pause (1 + `retries` attempts in all).
 */
#pragma once

#include "naming/naming_transport.h"

struct naming_request;

/* Takes the snapshot of a large list: new reference, owned by the callee. */
typedef void (*naming_take_fn)(struct service_info *info, gpointer user_data);

struct naming_request_spec { /* strings are copied */
    const char *method;
    const char *path;   /* below the context path: "/v1/ns/instance" */
    const char *query;  /* encoded, without '?' */
    const char *form;   /* encoded body, NULL = none */
    gboolean client_ip; /* add clientIP=, our address towards the server asked */
    gboolean beat;      /* over the beats' connections */
    gint64 deadline;    /* monotonic us */
    guint attempt_ms;   /* longest attempt while another server is untried */
    /* A list of this service: what is larger than PARSE_WORKER_FROM is parsed beside the loop and
     * goes to `take` in place of `decode`. NULL = all is decoded at once. */
    const struct service_key *list_of;
    naming_take_fn take;
};

/* Takes the body of a 200 apart; FALSE and a reason in *why if it makes no sense. */
typedef gboolean (*naming_decode_fn)(const char *body, gsize length, gpointer user_data,
                                     char **why);

/* `done` is called once, never before this returned, at the deadline at the latest. The request is
 * gone by then. `done` may free the transport. */
struct naming_request *naming_request_send(struct naming_transport *transport,
                                           const struct naming_request_spec *spec,
                                           naming_decode_fn decode, naming_done_fn done,
                                           gpointer user_data);
void naming_request_cancel(struct naming_request *request); /* without `done` */
