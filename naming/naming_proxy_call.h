/* SPDX-License-Identifier: MIT
 *
 * What naming_proxy*.c share: the client's part of the proxy, and a call under way.
 */
#pragma once

#include "naming/call.h"
#include "naming/naming_proxy.h"
#include "naming/naming_request.h"

struct naming_proxy {
    struct naming_transport *transport;
    char *namespace_id;
    char *clusters;
    GQueue calls; /* struct proxy_call, under way */
};

struct proxy_call;

/* Frees what a kind of call holds beside the common part. */
typedef void (*proxy_call_clear_fn)(struct proxy_call *call);

/* First member of each kind's record. */
struct proxy_call {
    struct naming_call call; /* cancel() is proxy_call_cancel */
    struct naming_proxy *proxy;
    struct naming_request *request; /* NULL once it ended */
    GList link;                     /* in proxy->calls */
    gint64 deadline;                /* monotonic us */
    proxy_call_clear_fn clear;
    gpointer user_data;
};

/* Allocates `size` bytes, zeroed, and fills in the common part. The deadline is the client's
 * time-out from now. */
gpointer proxy_call_new(struct naming_proxy *proxy, gsize size, proxy_call_clear_fn clear,
                        gpointer user_data);
/* The request has ended; the call can no longer be cancelled by naming_proxy_free. Called first in
 * every completion; the record itself lives until proxy_call_free. */
void proxy_call_ended(struct proxy_call *call);
void proxy_call_free(struct proxy_call *call);

/* "serviceName=G%40%40s&namespaceId=public", the start of every query about a service. */
GString *proxy_query(const struct naming_proxy *proxy, const struct service_key *key);
void proxy_query_address(GString *query, const struct instance *instance);

#define PROXY_ATTEMPT_MS 1500 /* one attempt while another server is untried */
#define PROXY_BEAT_MS 1000    /* one attempt of a beat */
