/* SPDX-License-Identifier: MIT
 *
 * The UDP addresses that get datagrams, and how many each may get. Pure. Times are microseconds of
 * CLOCK_MONOTONIC.
 */
#pragma once

#include <glib.h>
#include <sys/socket.h>

#define PEER_SPACING (25 * 1000) /* us between two datagrams to one address, at length */
#define PEER_BURST 10 /* that may go at once after a pause; so never more than 50 in a second */

/* Compared as bytes: made by subscriber_address_set only, which leaves no byte to chance. */
struct subscriber_address {
    struct sockaddr_storage sockaddr;
    socklen_t length;
};

struct peer {
    struct subscriber_address address; /* first: a peer is looked up by its address */
    gint64 next_credit;  /* us; GCRA's theoretical arrival time of the next datagram */
    GHashTable *unacked; /* sequence -> who awaits its acknowledgement, both borrowed */
    guint subscriptions;
};

/* Family, address and scope of an IPv4 or IPv6 `from`, and `port` (0 = that of `from`). FALSE for
 * any other family. */
gboolean subscriber_address_set(struct subscriber_address *address, const struct sockaddr *from,
                                guint16 port);
guint subscriber_address_hash(gconstpointer address);
gboolean subscriber_address_equal(gconstpointer a, gconstpointer b);

/* A set that owns its peers; an address can be looked up in it. */
GHashTable *peers_new(void);
/* The peer of that address, made if it is not there. Borrowed. */
struct peer *peers_get(GHashTable *peers, const struct subscriber_address *address);

/* TRUE and the credit for one datagram is spent, or FALSE and *when (us) there is some again. */
gboolean peer_take_credit(struct peer *peer, gint64 now, gint64 *when);
