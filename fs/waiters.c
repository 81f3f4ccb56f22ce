/* SPDX-License-Identifier: MIT */
#include "fs/waiters.h"

struct waiter {
    GQueue *queue;
    GList link;
    wait_fn fn;
    gpointer user_data;
};

struct waiter *waiters_add(struct waiters *waiters, wait_fn fn, gpointer user_data)
{
    struct waiter *waiter = g_new0(struct waiter, 1);
    waiter->queue = &waiters->queue;
    waiter->link.data = waiter;
    waiter->fn = fn;
    waiter->user_data = user_data;
    g_queue_push_tail_link(waiter->queue, &waiter->link);
    return waiter;
}

void waiter_cancel(struct waiter *waiter)
{
    g_queue_unlink(waiter->queue, &waiter->link);
    g_free(waiter);
}

void waiters_wake(struct waiters *waiters, int error)
{
    GQueue now = G_QUEUE_INIT;
    GList *link;
    while ((link = g_queue_pop_head_link(&waiters->queue))) {
        struct waiter *waiter = link->data;
        waiter->queue = &now;
        g_queue_push_tail_link(&now, link);
    }
    while (now.length) {
        struct waiter *waiter = g_queue_peek_head(&now);
        wait_fn fn = waiter->fn;
        gpointer user_data = waiter->user_data;
        waiter_cancel(waiter);
        fn(user_data, error);
    }
}

void waiters_clear(struct waiters *waiters)
{
    while (waiters->queue.length)
        waiter_cancel(g_queue_peek_head(&waiters->queue));
}

gboolean waiters_any(const struct waiters *waiters)
{
    return waiters->queue.length > 0;
}
