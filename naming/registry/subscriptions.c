/* SPDX-License-Identifier: MIT */
#include "naming/registry/subscriptions.h"

#include <string.h>

#define POSTPONED (20 * 1000) /* us */
#define LABEL_MAX 128         /* bytes of an agent, of an app */

struct topic {
    struct timed window;       /* in table.windows while a delivery to all is due */
    char *key;                 /* owned; NAMESPACE##GROUP@@SERVICE */
    char *namespace_id;        /* owned */
    char *service;             /* owned */
    GHashTable *subscriptions; /* a set, owned */
    gint64 delivered;          /* us; when all were last due */
};

enum delivery {
    DELIVERY_IDLE,
    DELIVERY_OWED,     /* a first attempt is due */
    DELIVERY_AWAITED,  /* sent; sent again when due, unless acknowledged */
    DELIVERY_REPEATED, /* the second attempt is due */
};

struct subscription {
    struct timed due;            /* in table.deliveries */
    struct timed expires;        /* in table.expiries */
    struct subscriptions *table; /* borrowed */
    struct topic *topic;         /* borrowed */
    struct peer *peer;           /* borrowed */
    enum delivery delivery;
    guint64 sequence;                    /* lastRefTime of the datagram that is awaited */
    struct subscription_request request; /* the names are the topic's; the other texts owned */
};

struct subscriptions {
    GHashTable *topics;    /* key -> struct topic, owned */
    GHashTable *peers;     /* by peers_new */
    GSequence *windows;    /* topics */
    GSequence *deliveries; /* subscriptions */
    GSequence *expiries;   /* subscriptions */
    guint count;
};

static guint subscription_hash(gconstpointer data)
{
    const struct subscription *subscription = data;
    return subscriber_address_hash(&subscription->request.address) ^
           g_str_hash(subscription->request.clusters) ^ !!subscription->request.grouped;
}

/* Within one topic. */
static gboolean subscription_equal(gconstpointer a, gconstpointer b)
{
    const struct subscription_request *left = &((const struct subscription *)a)->request;
    const struct subscription_request *right = &((const struct subscription *)b)->request;
    return subscriber_address_equal(&left->address, &right->address) &&
           !left->grouped == !right->grouped && g_str_equal(left->clusters, right->clusters);
}

static void forget_awaited(struct subscription *subscription)
{
    if (subscription->delivery == DELIVERY_AWAITED)
        g_hash_table_remove(subscription->peer->unacked, &subscription->sequence);
}

static void subscription_free(gpointer data)
{
    struct subscription *subscription = data;
    forget_awaited(subscription);
    timeline_clear(&subscription->due);
    timeline_clear(&subscription->expires);
    if (--subscription->peer->subscriptions == 0)
        g_hash_table_remove(subscription->table->peers, subscription->peer);
    subscription->table->count--;
    g_free((char *)subscription->request.clusters);
    g_ref_string_release((char *)subscription->request.agent);
    g_ref_string_release((char *)subscription->request.app);
    g_free(subscription);
}

static void topic_free(gpointer data)
{
    struct topic *topic = data;
    timeline_clear(&topic->window);
    g_hash_table_unref(topic->subscriptions);
    g_free(topic->key);
    g_free(topic->namespace_id);
    g_free(topic->service);
    g_free(topic);
}

struct subscriptions *subscriptions_new(void)
{
    struct subscriptions *table = g_new0(struct subscriptions, 1);
    table->topics = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, topic_free);
    table->peers = peers_new();
    table->windows = timeline_new();
    table->deliveries = timeline_new();
    table->expiries = timeline_new();
    return table;
}

void subscriptions_free(struct subscriptions *table)
{
    if (!table)
        return;
    g_hash_table_unref(table->topics);
    g_hash_table_unref(table->peers);
    g_sequence_free(table->windows);
    g_sequence_free(table->deliveries);
    g_sequence_free(table->expiries);
    g_free(table);
}

static char *topic_key(const char *namespace_id, const char *service)
{
    return g_strconcat(namespace_id, "##", service, NULL);
}

static struct topic *topic_get(struct subscriptions *table, const char *namespace_id,
                               const char *service)
{
    g_autofree char *key = topic_key(namespace_id, service);
    struct topic *topic = g_hash_table_lookup(table->topics, key);
    if (topic)
        return topic;
    topic = g_new0(struct topic, 1);
    topic->window.owner = topic;
    topic->key = g_steal_pointer(&key);
    topic->namespace_id = g_strdup(namespace_id);
    topic->service = g_strdup(service);
    topic->delivered = -SUBSCRIPTIONS_WINDOW;
    topic->subscriptions =
        g_hash_table_new_full(subscription_hash, subscription_equal, subscription_free, NULL);
    g_hash_table_insert(table->topics, topic->key, topic);
    return topic;
}

/* Many subscribers have few of them; who makes up many gets short ones. */
static GRefString *label_new(const char *text)
{
    gssize length = text ? (gssize)strnlen(text, LABEL_MAX) : 0;
    g_autofree char *label = g_utf8_make_valid(text ? text : "", length);
    return g_ref_string_new_intern(label);
}

static struct subscription *subscription_new(struct subscriptions *table,
                                             const struct subscription_request *request)
{
    struct subscription *subscription = g_new0(struct subscription, 1);
    subscription->due.owner = subscription->expires.owner = subscription;
    subscription->table = table;
    subscription->topic = topic_get(table, request->namespace_id, request->service);
    subscription->peer = peers_get(table->peers, &request->address);
    subscription->peer->subscriptions++;
    subscription->request = *request;
    subscription->request.namespace_id = subscription->topic->namespace_id;
    subscription->request.service = subscription->topic->service;
    subscription->request.clusters = g_strdup(request->clusters);
    subscription->request.agent = label_new(request->agent);
    subscription->request.app = label_new(request->app);
    g_hash_table_add(subscription->topic->subscriptions, subscription);
    table->count++;
    return subscription;
}

static struct subscription *find(struct subscriptions *table,
                                 const struct subscription_request *request)
{
    g_autofree char *key = topic_key(request->namespace_id, request->service);
    struct topic *topic = g_hash_table_lookup(table->topics, key);
    struct subscription probe = {.request = *request};
    return topic ? g_hash_table_lookup(topic->subscriptions, &probe) : NULL;
}

gboolean subscriptions_add(struct subscriptions *table, const struct subscription_request *request,
                           gint64 now)
{
    struct subscription *subscription = find(table, request);
    if (!subscription) {
        if (table->count >= SUBSCRIPTIONS_MAX ||
            strlen(request->clusters) > SUBSCRIPTIONS_MAX_CLUSTERS)
            return FALSE;
        subscription = subscription_new(table, request);
    }
    timeline_set(table->expiries, &subscription->expires, now + SUBSCRIPTIONS_LIFETIME);
    return TRUE;
}

void subscriptions_changed(struct subscriptions *table, const char *namespace_id,
                           const char *service, gint64 now)
{
    g_autofree char *key = topic_key(namespace_id, service);
    struct topic *topic = g_hash_table_lookup(table->topics, key);
    if (topic && !topic->window.at)
        timeline_set(table->windows, &topic->window,
                     MAX(now, topic->delivered + SUBSCRIPTIONS_WINDOW));
}

/* A newer delivery takes the place of one that is awaited: only the last state matters. */
static void owe(struct subscription *subscription, gint64 now)
{
    forget_awaited(subscription);
    if (subscription->delivery != DELIVERY_OWED)
        timeline_set(subscription->table->deliveries, &subscription->due, now);
    subscription->delivery = DELIVERY_OWED;
}

static void open_windows(struct subscriptions *table, gint64 now)
{
    struct topic *topic;
    while ((topic = timeline_due(table->windows, now))) {
        GHashTableIter iter;
        gpointer subscription;
        timeline_clear(&topic->window);
        topic->delivered = now;
        g_hash_table_iter_init(&iter, topic->subscriptions);
        while (g_hash_table_iter_next(&iter, &subscription, NULL))
            owe(subscription, now);
    }
}

struct subscription *subscriptions_due(struct subscriptions *table, gint64 now)
{
    struct subscription *subscription;
    gint64 when;
    open_windows(table, now);
    while ((subscription = timeline_due(table->deliveries, now))) {
        if (!peer_take_credit(subscription->peer, now, &when)) {
            timeline_set(table->deliveries, &subscription->due, when);
            continue;
        }
        if (subscription->delivery == DELIVERY_AWAITED) {
            forget_awaited(subscription);
            subscription->delivery = DELIVERY_REPEATED;
        }
        return subscription;
    }
    return NULL;
}

const struct subscription_request *subscription_request(const struct subscription *subscription)
{
    return &subscription->request;
}

void subscription_sent(struct subscription *subscription, guint64 sequence, gint64 now)
{
    if (subscription->delivery == DELIVERY_REPEATED) {
        subscription->delivery = DELIVERY_IDLE;
        timeline_clear(&subscription->due);
        return;
    }
    subscription->delivery = DELIVERY_AWAITED;
    subscription->sequence = sequence;
    g_hash_table_insert(subscription->peer->unacked, &subscription->sequence, subscription);
    timeline_set(subscription->table->deliveries, &subscription->due,
                 now + SUBSCRIPTIONS_ACK_TIMEOUT);
}

void subscription_postpone(struct subscription *subscription, gint64 now)
{
    timeline_set(subscription->table->deliveries, &subscription->due, now + POSTPONED);
}

gboolean subscriptions_acknowledge(struct subscriptions *table,
                                   const struct subscriber_address *address, guint64 sequence)
{
    struct peer *peer = g_hash_table_lookup(table->peers, address);
    struct subscription *subscription = peer ? g_hash_table_lookup(peer->unacked, &sequence) : NULL;
    if (!subscription)
        return FALSE;
    forget_awaited(subscription);
    subscription->delivery = DELIVERY_IDLE;
    timeline_clear(&subscription->due);
    return TRUE;
}

void subscriptions_expire(struct subscriptions *table, gint64 now)
{
    struct subscription *subscription;
    while ((subscription = timeline_due(table->expiries, now))) {
        struct topic *topic = subscription->topic;
        g_hash_table_remove(topic->subscriptions, subscription);
        if (g_hash_table_size(topic->subscriptions) == 0)
            g_hash_table_remove(table->topics, topic->key);
    }
}

gint64 subscriptions_next(const struct subscriptions *table)
{
    gint64 deliveries = MIN(timeline_next(table->windows), timeline_next(table->deliveries));
    return MIN(deliveries, timeline_next(table->expiries));
}

void subscriptions_foreach(const struct subscriptions *table, const char *namespace_id,
                           subscription_fn fn, gpointer user_data)
{
    GHashTableIter topics, members;
    gpointer topic, subscription;
    g_hash_table_iter_init(&topics, table->topics);
    while (g_hash_table_iter_next(&topics, NULL, &topic)) {
        if (!g_str_equal(((struct topic *)topic)->namespace_id, namespace_id))
            continue;
        g_hash_table_iter_init(&members, ((struct topic *)topic)->subscriptions);
        while (g_hash_table_iter_next(&members, &subscription, NULL))
            fn(&((struct subscription *)subscription)->request, user_data);
    }
}

guint subscriptions_count(const struct subscriptions *table)
{
    return table->count;
}
