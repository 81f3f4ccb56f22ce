/* SPDX-License-Identifier: MIT
 *
 * The UDP socket on which pushes arrive, as a source of the calling thread's main context:
 * datagrams in, acknowledgements out. Knows nothing of what they say.
 */
#pragma once

#include <glib.h>
#include <netinet/in.h>

struct push_socket;

union push_address {
    struct sockaddr any;
    struct sockaddr_in6 in6;
    struct sockaddr_in in;
};

struct push_datagram { /* valid during the callback only */
    const char *data;
    gsize length;
    char source[INET6_ADDRSTRLEN]; /* numeric; IPv4 as such, never as ::ffff:a.b.c.d */
    union push_address from;
};
typedef void (*push_datagram_fn)(const struct push_datagram *datagram, gpointer user_data);

/* Bound to the wildcard address of IPv6 and IPv4 (of IPv4 alone where there is no IPv6); port 0 =
 * any. NULL and a reason in *why (new string). */
struct push_socket *push_socket_new(guint16 port, push_datagram_fn received, gpointer user_data,
                                    char **why);
void push_socket_free(struct push_socket *self);
guint16 push_socket_port(const struct push_socket *self);
/* Best effort: an acknowledgement that is lost is asked for again. */
void push_socket_send(const struct push_socket *self, const union push_address *to,
                      const char *text);
