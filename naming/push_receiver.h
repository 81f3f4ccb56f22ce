/* SPDX-License-Identifier: MIT
 *
 * Pushes of a naming server by UDP (PushReceiver of the Java client; wire format: PushService of
 * Nacos 1.4). Anybody can send a datagram and name any sender, so a push is taken only from the
 * address of a configured server, for a service that is subscribed, not older than what is held and
 * not from the future, and even then is confirmed over TCP within 200 ms. One that is refused for
 * its sender or age is at most a reason to ask the server. `dump` and unknown types get no answer.
 */
#pragma once

#include "naming/host_reactor.h"

struct push_receiver;

struct push_receiver_config {
    struct naming_proxy *proxy; /* borrowed, must outlive it */
    struct timers *timers;      /* borrowed, must outlive it */
    guint16 port;               /* 0 = any */
    struct trouble trouble;     /* told of a refused push, once a second at most */
};
/* NULL and a reason in *why (new string) if the socket cannot be had. */
struct push_receiver *push_receiver_new(const struct push_receiver_config *config, char **why);
void push_receiver_free(struct push_receiver *self);

/* Where accepted lists go; before, all is refused. Borrowed; must outlive it. */
void push_receiver_set_reactor(struct push_receiver *self, struct host_reactor *reactor);
guint16 push_receiver_port(const struct push_receiver *self);

struct push_counts {
    guint64 accepted;
    guint64 refused; /* whatever the reason */
    guint64 refused_by[NAMING_PUSH_REASONS];
};
void push_receiver_counts(const struct push_receiver *self, struct push_counts *counts);
