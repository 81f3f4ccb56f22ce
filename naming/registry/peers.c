/* SPDX-License-Identifier: MIT */
#include "naming/registry/peers.h"

#include <netinet/in.h>
#include <string.h>

gboolean subscriber_address_set(struct subscriber_address *address, const struct sockaddr *from,
                                guint16 port)
{
    memset(address, 0, sizeof(*address));
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *from4 = (const struct sockaddr_in *)from;
        struct sockaddr_in *to = (struct sockaddr_in *)&address->sockaddr;
        to->sin_family = AF_INET;
        to->sin_addr = from4->sin_addr;
        to->sin_port = port ? htons(port) : from4->sin_port;
        address->length = sizeof(*to);
    } else if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *from6 = (const struct sockaddr_in6 *)from;
        struct sockaddr_in6 *to = (struct sockaddr_in6 *)&address->sockaddr;
        to->sin6_family = AF_INET6;
        to->sin6_addr = from6->sin6_addr;
        to->sin6_scope_id = from6->sin6_scope_id;
        to->sin6_port = port ? htons(port) : from6->sin6_port;
        address->length = sizeof(*to);
    }
    return address->length != 0;
}

guint subscriber_address_hash(gconstpointer data)
{
    const struct subscriber_address *address = data;
    const guchar *bytes = (const guchar *)&address->sockaddr;
    guint hash = 5381;
    for (socklen_t i = 0; i < address->length; i++)
        hash = hash * 33 + bytes[i];
    return hash;
}

gboolean subscriber_address_equal(gconstpointer a, gconstpointer b)
{
    const struct subscriber_address *left = a, *right = b;
    return left->length == right->length &&
           memcmp(&left->sockaddr, &right->sockaddr, left->length) == 0;
}

static void peer_free(gpointer data)
{
    struct peer *peer = data;
    g_hash_table_unref(peer->unacked);
    g_free(peer);
}

GHashTable *peers_new(void)
{
    return g_hash_table_new_full(subscriber_address_hash, subscriber_address_equal, peer_free,
                                 NULL);
}

struct peer *peers_get(GHashTable *peers, const struct subscriber_address *address)
{
    struct peer *peer = g_hash_table_lookup(peers, address);
    if (peer)
        return peer;
    peer = g_new0(struct peer, 1);
    peer->address = *address;
    peer->unacked = g_hash_table_new(g_int64_hash, g_int64_equal);
    g_hash_table_add(peers, peer);
    return peer;
}

/* GCRA, ITU-T I.371. */
gboolean peer_take_credit(struct peer *peer, gint64 now, gint64 *when)
{
    gint64 tolerance = (PEER_BURST - 1) * PEER_SPACING;
    gint64 arrival = MAX(peer->next_credit, now);
    *when = arrival - tolerance;
    if (*when > now)
        return FALSE;
    peer->next_credit = arrival + PEER_SPACING;
    return TRUE;
}
