/* SPDX-License-Identifier: MIT
 *
 * Which of many services is asked about next: first lists before refreshes before polls, so many
 * requests at a time, so many a second. A reader that waits passes it by.
 */
#pragma once

#include "naming/timers.h"
#include "naming/token_bucket.h"

enum poll_lane {
    POLL_LANE_FIRST,   /* no list is held yet: limited by what is in flight only */
    POLL_LANE_REFRESH, /* a reason to think that it changed: 50 a second */
    POLL_LANE_POLL,    /* the clock says so: what the number of services needs, evenly */
    POLL_LANES
};

struct poll_entry { /* embedded in a service's record; zeroes at first */
    GList link;
    GQueue *queued; /* NULL = in no lane */
    gboolean in_flight;
};

typedef void (*poll_start_fn)(struct poll_entry *entry);

struct poll_queue {
    GQueue lanes[POLL_LANES];                /* struct poll_entry, linked by `link` */
    struct token_bucket buckets[POLL_LANES]; /* that of POLL_LANE_FIRST is not used */
    guint in_flight;
    poll_start_fn start; /* sends the request; must not end it before it returns */
    struct timer timer;  /* when there will be a token */
};

void poll_queue_init(struct poll_queue *queue, struct timers *timers, poll_start_fn start);
/* Starts nothing more; entries are their owners'. */
void poll_queue_clear(struct poll_queue *queue);

/* How many services there are. */
void poll_queue_set_services(struct poll_queue *queue, guint n);

/* Starts it as soon as may be. One that waits in a better lane already stays there. */
void poll_queue_add(struct poll_queue *queue, struct poll_entry *entry, enum poll_lane lane);
/* Takes it out of its lane; safe if it is in none. */
void poll_queue_remove(struct poll_queue *queue, struct poll_entry *entry);
/* The request that `start` sent is over; safe if it was sent past the queue. */
void poll_queue_ended(struct poll_queue *queue, struct poll_entry *entry);
