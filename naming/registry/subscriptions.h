/* SPDX-License-Identifier: MIT
 *
 * Who hears of which service, and when the next datagram goes to whom. Kept by the service's name,
 * so that a subscription outlives the service and waits for one that is not there yet. Pure: no
 * socket, no clock, times are microseconds of CLOCK_MONOTONIC.
 *
 * The first change of a service is delivered at once; what follows within SUBSCRIPTIONS_WINDOW of a
 * delivery is delivered together at the end of that window. A delivery that is not acknowledged
 * within SUBSCRIPTIONS_ACK_TIMEOUT is due once more, with the data of then. One address gets at
 * most 50 deliveries in a second; more wait their turn and go out as one per subscription.
 */
#pragma once

#include "naming/registry/peers.h"
#include "naming/registry/timeline.h"

#define SUBSCRIPTIONS_MAX 100000
#define SUBSCRIPTIONS_MAX_CLUSTERS 1024              /* bytes of the clusters parameter */
#define SUBSCRIPTIONS_LIFETIME (30 * G_USEC_PER_SEC) /* after the last list call */
#define SUBSCRIPTIONS_WINDOW (25 * 1000)
#define SUBSCRIPTIONS_ACK_TIMEOUT (10 * G_USEC_PER_SEC)

/* What one subscriber asked for. Strings are borrowed. */
struct subscription_request {
    const char *namespace_id;
    const char *service;  /* GROUP@@SERVICE */
    const char *clusters; /* "" = all */
    const char *agent;    /* User-Agent and app of the list call: for operators to read */
    const char *app;
    gboolean grouped; /* whether hosts[].serviceName carries its group */
    struct subscriber_address address;
};

struct topic;
struct subscription;
struct subscriptions;

struct subscriptions *subscriptions_new(void);
void subscriptions_free(struct subscriptions *table);

/* Adds a subscription or renews the one that is there. FALSE if the table is full. */
gboolean subscriptions_add(struct subscriptions *table, const struct subscription_request *request,
                           gint64 now);

/* What is listed of the service differs from before. */
void subscriptions_changed(struct subscriptions *table, const char *namespace_id,
                           const char *service, gint64 now);

/* The next subscription that is to get a datagram at `now`, borrowed until the next call here; NULL
 * = none left. The caller sends and then says so with subscription_sent. */
struct subscription *subscriptions_due(struct subscriptions *table, gint64 now);

/* What it asked for; borrowed. */
const struct subscription_request *subscription_request(const struct subscription *subscription);

/* The datagram with this lastRefTime is on its way: an acknowledgement is awaited unless this was
 * the second attempt. */
void subscription_sent(struct subscription *subscription, guint64 sequence, gint64 now);

/* The datagram could not be sent now (a full socket buffer): due again soon. */
void subscription_postpone(struct subscription *subscription, gint64 now);

/* An acknowledgement came. FALSE if none was awaited from there. */
gboolean subscriptions_acknowledge(struct subscriptions *table,
                                   const struct subscriber_address *address, guint64 sequence);

/* Drops the subscriptions that were not renewed in time. */
void subscriptions_expire(struct subscriptions *table, gint64 now);

/* When subscriptions_due or subscriptions_expire has to do something again, or TIMELINE_NEVER. */
gint64 subscriptions_next(const struct subscriptions *table);

typedef void (*subscription_fn)(const struct subscription_request *request, gpointer user_data);

/* Calls `fn` for each subscription in the namespace, in no order; it must not change the table. */
void subscriptions_foreach(const struct subscriptions *table, const char *namespace_id,
                           subscription_fn fn, gpointer user_data);

guint subscriptions_count(const struct subscriptions *table);
