/* SPDX-License-Identifier: MIT
 *
 * Many timers behind one GSource. GLib looks at every source of a context in every turn, so ten
 * thousand heartbeats must not be ten thousand sources. A clock of its own that only moves when
 * told makes what is built on it a function of (events, time).
 */
#pragma once

#include <glib.h>

struct timers;

/* Runs on the thread-default main context by CLOCK_MONOTONIC. */
struct timers *timers_new(void);
/* Stands still but for timers_advance. */
struct timers *timers_new_manual(void);
/* Every timer must have been stopped before. */
void timers_free(struct timers *timers);

gint64 timers_now(const struct timers *timers); /* us */
/* Manual clocks only: moves on by `us` and runs what falls due on the way, each at its own time. */
void timers_advance(struct timers *timers, gint64 us);

typedef void (*timer_fn)(gpointer user_data);

/* One-shot; embedded in its owner's record, which stops it before it goes away. */
struct timer {
    struct timers *timers;
    timer_fn fn;
    gpointer user_data;
    gint64 due;         /* us on the timers' clock */
    GSequenceIter *set; /* place among those that are set; NULL = not set */
};

void timer_init(struct timer *timer, struct timers *timers, timer_fn fn, gpointer user_data);
/* Replaces an earlier setting. Never runs before this returned; among equals the first set is
 * first.
 */
void timer_set(struct timer *timer, gint64 delay_us);
void timer_set_at(struct timer *timer, gint64 due);
void timer_stop(struct timer *timer); /* safe when not set */
gboolean timer_is_set(const struct timer *timer);
