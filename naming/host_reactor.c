/* SPDX-License-Identifier: MIT */
#include "naming/host_reactor.h"

struct host_reactor {
    struct subscription_env env;
    char *clusters;    /* owned; env.clusters */
    GHashTable *table; /* struct service_key * (the subscription's) to struct subscription * */
    guint subscribed;  /* those that are wanted */
};

static void host_reactor_on_idle(struct subscription *subscription, gpointer owner)
{
    struct host_reactor *reactor = owner;

    g_hash_table_remove(reactor->table, subscription->key);
}

struct host_reactor *host_reactor_new(const struct host_reactor_config *config)
{
    struct host_reactor *reactor = g_new0(struct host_reactor, 1);

    reactor->clusters = g_strdup(config->clusters);
    reactor->env = (struct subscription_env){
        .proxy = config->proxy,
        .timers = config->timers,
        .clusters = reactor->clusters,
        .udp_port = config->udp_port,
        .heard = config->heard,
        .changed = config->changed,
        .user_data = config->user_data,
        .trouble = config->trouble,
        .disk = config->disk,
        .failover = config->failover,
        .patience = config->patience,
        .load_at_start = config->load_at_start,
        .empty_protection = config->empty_protection,
        .idle = host_reactor_on_idle,
        .owner = reactor,
    };
    poll_queue_init(&reactor->env.queue, config->timers, subscription_start);
    list_waits_init(&reactor->env.waits, config->timers, config->timeout_ms, subscription_left);
    reactor->table = g_hash_table_new_full(service_key_hash, service_key_equal, NULL,
                                           (GDestroyNotify)subscription_free);
    return reactor;
}

void host_reactor_free(struct host_reactor *reactor)
{
    poll_queue_clear(&reactor->env.queue);
    g_hash_table_unref(reactor->table);
    list_waits_clear(&reactor->env.waits);
    g_free(reactor->clusters);
    g_free(reactor);
}

static struct subscription *host_reactor_get(struct host_reactor *reactor,
                                             const struct service_key *key)
{
    struct subscription *subscription = g_hash_table_lookup(reactor->table, key);

    if (subscription == NULL) {
        subscription = subscription_new(&reactor->env, key);
        g_hash_table_insert(reactor->table, subscription->key, subscription);
    }
    return subscription;
}

/* NULL if it is not subscribed. */
static struct subscription *host_reactor_find(const struct host_reactor *reactor,
                                              const struct service_key *key)
{
    struct subscription *subscription = g_hash_table_lookup(reactor->table, key);

    return subscription != NULL && subscription->wanted ? subscription : NULL;
}

void host_reactor_subscribe(struct host_reactor *reactor, const struct service_key *key)
{
    if (host_reactor_find(reactor, key) != NULL)
        return;
    poll_queue_set_services(&reactor->env.queue, ++reactor->subscribed);
    subscription_want(host_reactor_get(reactor, key));
}

void host_reactor_unsubscribe(struct host_reactor *reactor, const struct service_key *key)
{
    struct subscription *subscription = host_reactor_find(reactor, key);

    if (subscription == NULL)
        return;
    poll_queue_set_services(&reactor->env.queue, --reactor->subscribed);
    subscription_unwant(subscription);
}

void host_reactor_hold(struct host_reactor *reactor, const struct service_key *key,
                       struct service_info *info, gint64 confirmed)
{
    struct subscription *subscription = host_reactor_find(reactor, key);

    if (subscription != NULL)
        subscription_hold(subscription, info, confirmed);
}

struct service_info *host_reactor_current(struct host_reactor *reactor,
                                          const struct service_key *key)
{
    const struct subscription *subscription = host_reactor_find(reactor, key);

    return subscription == NULL ? NULL : subscription_served(subscription);
}

struct naming_call *host_reactor_wait(struct host_reactor *reactor, const struct service_key *key,
                                      naming_list_fn done, gpointer user_data)
{
    return subscription_wait(host_reactor_get(reactor, key), done, user_data);
}

void host_reactor_refresh(struct host_reactor *reactor, const struct service_key *key)
{
    struct subscription *subscription = host_reactor_find(reactor, key);

    if (subscription != NULL)
        subscription_refresh(subscription);
}

gboolean host_reactor_freshness(struct host_reactor *reactor, const struct service_key *key,
                                struct naming_freshness *freshness)
{
    const struct subscription *subscription = host_reactor_find(reactor, key);

    if (subscription == NULL || subscription_served(subscription) == NULL)
        return FALSE;
    *freshness = (struct naming_freshness){
        .source = subscription->source,
        .confirmed = subscription->confirmed,
        .stale = subscription->stale || subscription->protection.active,
        .held_back = subscription->protection.active,
        .held_back_hosts = subscription->protection.hosts,
    };
    if (subscription->failover != NULL) {
        freshness->source = subscription->failover->source;
        freshness->confirmed = subscription->failover_written;
    }
    return TRUE;
}

void host_reactor_switched(struct host_reactor *reactor)
{
    GHashTableIter iter;
    gpointer subscription;

    g_hash_table_iter_init(&iter, reactor->table);
    while (g_hash_table_iter_next(&iter, NULL, &subscription))
        subscription_switched(subscription);
}

enum push_verdict host_reactor_push(struct host_reactor *reactor, struct service_info *info)
{
    struct subscription *subscription = host_reactor_find(reactor, &info->key);

    return subscription == NULL ? PUSH_UNKNOWN : subscription_push(subscription, info);
}

guint host_reactor_count(struct host_reactor *reactor)
{
    return reactor->subscribed;
}

guint64 host_reactor_polls(struct host_reactor *reactor)
{
    return reactor->env.polls;
}
