/* SPDX-License-Identifier: MIT
 *
 * UDP push: the socket, the datagrams and their acknowledgements. When which is due is decided in
 * subscriptions.h; what stands in one comes from the owner.
 */
#pragma once

#include "naming/registry/subscriptions.h"

struct push;

/* The list reply that a subscriber is to get now, as JSON text; new string. */
typedef char *(*push_render_fn)(const struct subscription_request *request, gpointer user_data);

/* Binds a socket to the address `local` (its port does not count: any) and attaches to `context`.
 * NULL with a GIOError if that fails. */
struct push *push_new(GMainContext *context, const struct sockaddr *local, push_render_fn render,
                      gpointer user_data, GError **error);
void push_free(struct push *push);

/* FALSE if there is no room for one more. */
gboolean push_subscribe(struct push *push, const struct subscription_request *request);

/* Who is subscribed; borrowed. */
const struct subscriptions *push_subscriptions(const struct push *push);

/* What is listed of the service differs from before: its subscribers hear of it, the first time in
 * the next turn of the loop. */
void push_changed(struct push *push, const char *namespace_id, const char *service);
