/* SPDX-License-Identifier: MIT
 *
 * One request of the Open API, tried on one server after the other within one deadline.
 *
 * 200 with a body that makes sense is the end; so is any answer that another server would give, too
 * (4xx, 501, 3xx, too large). No answer, 500, 502, 503, 504 or a body without sense lead to the
 * next server. One attempt gets at most `attempt_ms` while another server is untried, and no
 * more than its share of the time while other good servers are untried. When every
 * server was tried once and time is left, those that could not be talked to are tried again after a
 * pause (1 + `retries` attempts in all). 401 and 403 lead to one log-in and another try on the same
 * server (security_proxy.h).
 */
#pragma once

#include "naming/naming_request_spec.h"
#include "naming/naming_transport.h"

struct naming_request;

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
