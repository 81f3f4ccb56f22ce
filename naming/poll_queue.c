/* SPDX-License-Identifier: MIT */
#include "naming/poll_queue.h"

#define MAX_IN_FLIGHT 32  /* connections to a server (naming_transport.c): more would wait there */
#define REFRESH_RATE 50.0 /* a second */
#define REFRESH_BURST 10.0
#define POLL_MIN_RATE 100.0
#define POLL_BURST 16.0
/* Every service comes round in less than UPDATE_RENEW_MS (8 s, less the spread). */
#define POLL_ROUND_S 6.0

/* The lane that may start its first entry now, or POLL_LANES; *wait gets the us to the next token.
 */
static enum poll_lane poll_queue_ready(struct poll_queue *queue, gint64 *wait)
{
    gint64 now = timers_now(queue->timer.timers);

    for (enum poll_lane lane = 0; lane < POLL_LANES; lane++) {
        gint64 lane_wait;

        if (g_queue_is_empty(&queue->lanes[lane]))
            continue;
        lane_wait = lane == POLL_LANE_FIRST ? 0 : token_bucket_wait(&queue->buckets[lane], now);
        if (lane_wait == 0)
            return lane;
        *wait = MIN(*wait, lane_wait);
    }
    return POLL_LANES;
}

static void poll_queue_pump(gpointer user_data)
{
    struct poll_queue *queue = user_data;
    gint64 wait = G_MAXINT64;
    enum poll_lane lane;

    timer_stop(&queue->timer);
    while (queue->in_flight < MAX_IN_FLIGHT &&
           (lane = poll_queue_ready(queue, &wait)) < POLL_LANES) {
        struct poll_entry *entry = g_queue_peek_head(&queue->lanes[lane]);

        if (lane != POLL_LANE_FIRST)
            token_bucket_take(&queue->buckets[lane], 1, timers_now(queue->timer.timers));
        poll_queue_remove(queue, entry);
        entry->in_flight = TRUE;
        queue->in_flight++;
        queue->start(entry);
        wait = G_MAXINT64;
    }
    if (wait < G_MAXINT64)
        timer_set(&queue->timer, wait);
}

void poll_queue_init(struct poll_queue *queue, struct timers *timers, poll_start_fn start)
{
    gint64 now = timers_now(timers);

    *queue = (struct poll_queue){.start = start};
    token_bucket_init(&queue->buckets[POLL_LANE_REFRESH], REFRESH_RATE, REFRESH_BURST, now);
    token_bucket_init(&queue->buckets[POLL_LANE_POLL], POLL_MIN_RATE, POLL_BURST, now);
    timer_init(&queue->timer, timers, poll_queue_pump, queue);
}

void poll_queue_clear(struct poll_queue *queue)
{
    for (enum poll_lane lane = 0; lane < POLL_LANES; lane++)
        while (queue->lanes[lane].length > 0)
            poll_queue_remove(queue, g_queue_peek_head(&queue->lanes[lane]));
    timer_stop(&queue->timer);
}

void poll_queue_set_services(struct poll_queue *queue, guint n)
{
    struct token_bucket *bucket = &queue->buckets[POLL_LANE_POLL];

    token_bucket_wait(bucket, timers_now(queue->timer.timers)); /* settle by the old rate */
    bucket->rate = MAX(n / POLL_ROUND_S, POLL_MIN_RATE);
}

void poll_queue_add(struct poll_queue *queue, struct poll_entry *entry, enum poll_lane lane)
{
    if (entry->queued != NULL && entry->queued <= &queue->lanes[lane])
        return;
    poll_queue_remove(queue, entry);
    entry->link.data = entry;
    entry->queued = &queue->lanes[lane];
    g_queue_push_tail_link(entry->queued, &entry->link);
    poll_queue_pump(queue);
}

void poll_queue_remove(struct poll_queue *queue, struct poll_entry *entry)
{
    if (entry->queued == NULL)
        return;
    g_queue_unlink(entry->queued, &entry->link);
    entry->queued = NULL;
}

void poll_queue_ended(struct poll_queue *queue, struct poll_entry *entry)
{
    if (!entry->in_flight)
        return;
    entry->in_flight = FALSE;
    queue->in_flight--;
    poll_queue_pump(queue);
}
