/* SPDX-License-Identifier: MIT
 *
 * What one request of the Open API is to be: a value.
 */
#pragma once

#include "naming/naming.h"

/* Takes the snapshot of a large list: new reference, owned by the callee. */
typedef void (*naming_take_fn)(struct service_info *info, gpointer user_data);

struct naming_request_spec { /* strings are copied */
    enum naming_call_kind call;
    const char *method;
    const char *path;                  /* below the context path: "/v1/ns/instance" */
    const char *query;                 /* encoded, without '?' */
    const char *form;                  /* encoded body, NULL = none */
    gboolean client_ip;                /* add clientIP=, our address towards the server asked */
    gboolean urgent;                   /* over the beats' connections */
    gboolean anonymous;                /* without token and signature */
    gint64 deadline;                   /* monotonic us */
    guint attempt_ms;                  /* longest attempt while another server is untried */
    const struct service_key *service; /* that `query` names; NULL = none */
    /* A list of `service`: what is larger than PARSE_WORKER_FROM is parsed beside the loop and goes
     * to `take` in place of `decode`. NULL = all is decoded at once. */
    naming_take_fn take;
};

/* Deep copy into uninitialised memory, to be freed by naming_request_spec_clear alone. */
void naming_request_spec_copy(struct naming_request_spec *to,
                              const struct naming_request_spec *from);
void naming_request_spec_clear(struct naming_request_spec *spec);
