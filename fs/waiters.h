/* SPDX-License-Identifier: MIT
 *
 * Those who wait for one thing: a list under way, a registration. Each is told exactly once, or
 * cancels before. Pure.
 */
#pragma once

#include <glib.h>

/* `error`: 0 or an errno. */
typedef void (*wait_fn)(gpointer user_data, int error);

struct waiter;
struct waiters {
    GQueue queue; /* struct waiter; zeroes are an empty list */
};

struct waiter *waiters_add(struct waiters *waiters, wait_fn fn, gpointer user_data);
void waiter_cancel(struct waiter *waiter); /* will not be told */
/* Tells those that wait now; those that are added meanwhile wait on. */
void waiters_wake(struct waiters *waiters, int error);
/* Forgets all without telling. */
void waiters_clear(struct waiters *waiters);
gboolean waiters_any(const struct waiters *waiters);
