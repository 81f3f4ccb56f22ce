/* SPDX-License-Identifier: MIT
 *
 * Other people's instances: the services that are kept fresh by polls and pushes (HostReactor of
 * the Java client). A function of proxy replies, pushes and timers on the calling thread's main
 * context.
 */
#pragma once

#include "naming/subscription.h"

struct host_reactor;

struct host_reactor_config {
    struct naming_proxy *proxy;  /* borrowed, must outlive the reactor */
    struct timers *timers;       /* borrowed, must outlive the reactor */
    guint timeout_ms;            /* until a wait's `done` at the latest */
    const char *clusters;        /* as sent with every list, "" = all; copied */
    guint16 udp_port;            /* where pushes arrive; 0 = none */
    subscription_heard_fn heard; /* may be NULL */
    naming_changed_fn changed;
    gpointer user_data; /* of both */
    struct trouble trouble;
    struct disk_cache *disk;           /* borrowed, must outlive the reactor; NULL = none */
    struct failover_reactor *failover; /* the same */
    struct patience *patience;         /* the same; needed with `disk` */
    gboolean load_at_start;
    gboolean empty_protection;
};
struct host_reactor *host_reactor_new(const struct host_reactor_config *config);
void host_reactor_free(struct host_reactor *reactor); /* drops what is under way without `done` */

/* As naming_subscribe and so on. */
void host_reactor_subscribe(struct host_reactor *reactor, const struct service_key *key);
void host_reactor_unsubscribe(struct host_reactor *reactor, const struct service_key *key);
void host_reactor_hold(struct host_reactor *reactor, const struct service_key *key,
                       struct service_info *info, gint64 confirmed);
struct service_info *host_reactor_current(struct host_reactor *reactor,
                                          const struct service_key *key);
/* A service that is not subscribed is asked for once. */
struct naming_call *host_reactor_wait(struct host_reactor *reactor, const struct service_key *key,
                                      naming_list_fn done, gpointer user_data);
void host_reactor_refresh(struct host_reactor *reactor, const struct service_key *key);
gboolean host_reactor_freshness(struct host_reactor *reactor, const struct service_key *key,
                                struct naming_freshness *freshness);

/* The failover was switched, or its files are to be read anew: which lists are served then is told
 * by `changed`, soon. */
void host_reactor_switched(struct host_reactor *reactor);

/* A list that came as a push from a server. Whatever becomes of it, a subscribed service's list is
 * asked for over TCP soon. */
enum push_verdict host_reactor_push(struct host_reactor *reactor, struct service_info *info);

guint host_reactor_count(struct host_reactor *reactor);   /* services subscribed */
guint64 host_reactor_polls(struct host_reactor *reactor); /* list requests sent */
