/* SPDX-License-Identifier: MIT */
#include "naming/list_wait.h"

#include "naming/call.h"

#define MS 1000 /* us */
/* The request's own deadline is the same and its words are better: it gets that much more. */
#define WAIT_GRACE_MS 50

struct list_wait {
    struct naming_call call;
    struct list_waits *waits;
    GQueue *queue; /* that it is in: the service's or waits->ready */
    gpointer place;
    GList link;
    struct timer deadline;
    enum naming_status status; /* of the answer, once ready */
    char *server;
    char *text;
    struct service_info *info;
    naming_list_fn done;
    gpointer user_data;
};

static void list_wait_free(struct list_wait *wait)
{
    g_queue_unlink(wait->queue, &wait->link);
    timer_stop(&wait->deadline);
    g_free(wait->server);
    g_free(wait->text);
    service_info_unref(wait->info);
    g_free(wait);
}

static void list_wait_cancel(struct naming_call *call)
{
    struct list_wait *wait = (struct list_wait *)call;
    struct list_waits *waits = wait->waits;
    gboolean waited = wait->queue != &waits->ready;
    gpointer place = wait->place;

    list_wait_free(wait);
    if (waited)
        waits->left(place);
}

static void list_wait_answer(struct list_wait *wait, const struct naming_result *result,
                             struct service_info *info)
{
    struct list_waits *waits = wait->waits;

    timer_stop(&wait->deadline);
    wait->status = result->status;
    wait->server = g_strdup(result->server);
    wait->text = g_strdup(result->text);
    wait->info = info == NULL ? NULL : service_info_ref(info);
    g_queue_unlink(wait->queue, &wait->link);
    wait->queue = &waits->ready;
    g_queue_push_tail_link(wait->queue, &wait->link);
    if (!timer_is_set(&waits->timer))
        timer_set(&waits->timer, 0);
}

static void list_wait_on_deadline(gpointer user_data)
{
    static const struct naming_result result = {NAMING_TIMEOUT, "", "no answer in time"};
    struct list_wait *wait = user_data;
    gpointer place = wait->place;

    list_wait_answer(wait, &result, NULL);
    wait->waits->left(place);
}

static void list_wait_call(struct list_wait *wait)
{
    struct naming_result result = {wait->status, wait->server, wait->text};

    wait->done(&result, wait->info, wait->user_data);
}

/* Each leaves the queue before it is called; those that its call adds wait for the next turn. */
static void list_waits_on_ready(gpointer user_data)
{
    struct list_waits *waits = user_data;
    GQueue called = G_QUEUE_INIT;

    for (guint n = waits->ready.length; n > 0 && waits->ready.length > 0; n--) {
        struct list_wait *wait = g_queue_peek_head(&waits->ready);

        g_queue_unlink(wait->queue, &wait->link);
        wait->queue = &called;
        g_queue_push_tail_link(wait->queue, &wait->link);
        list_wait_call(wait);
        list_wait_free(wait);
    }
    if (waits->ready.length > 0)
        timer_set(&waits->timer, 0);
}

void list_waits_init(struct list_waits *waits, struct timers *timers, guint timeout_ms,
                     void (*left)(gpointer place))
{
    *waits = (struct list_waits){.timeout_ms = timeout_ms, .left = left};
    g_queue_init(&waits->ready);
    timer_init(&waits->timer, timers, list_waits_on_ready, waits);
}

void list_waits_drop(GQueue *queue)
{
    while (queue->length > 0)
        list_wait_free(g_queue_peek_head(queue));
}

void list_waits_clear(struct list_waits *waits)
{
    list_waits_drop(&waits->ready);
    timer_stop(&waits->timer);
}

struct naming_call *list_wait_add(struct list_waits *waits, GQueue *queue, gpointer place,
                                  naming_list_fn done, gpointer user_data)
{
    struct list_wait *wait = g_new0(struct list_wait, 1);

    wait->call.cancel = list_wait_cancel;
    wait->waits = waits;
    wait->queue = queue;
    wait->place = place;
    wait->link.data = wait;
    wait->done = done;
    wait->user_data = user_data;
    timer_init(&wait->deadline, waits->timer.timers, list_wait_on_deadline, wait);
    timer_set(&wait->deadline, ((gint64)waits->timeout_ms + WAIT_GRACE_MS) * MS);
    g_queue_push_tail_link(queue, &wait->link);
    return &wait->call;
}

void list_waits_answer(struct list_waits *waits, GQueue *queue, const struct naming_result *result,
                       struct service_info *info)
{
    while (queue->length > 0)
        list_wait_answer(g_queue_peek_head(queue), result, info);
}
