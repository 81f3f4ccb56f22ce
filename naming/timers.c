/* SPDX-License-Identifier: MIT */
#include "naming/timers.h"

/* So many run in one turn of the loop at most; the rest waits for the next turn, after the I/O. */
#define TIMERS_PER_TURN 256

struct timers {
    GSource *source;  /* NULL = manual */
    GSequence *set;   /* struct timer *, by due time */
    gint64 manual_us; /* clock of a manual one */
};

struct timers_source {
    GSource base;
    struct timers *timers;
};

static struct timer *timers_first(const struct timers *timers)
{
    GSequenceIter *first = g_sequence_get_begin_iter(timers->set);

    return g_sequence_iter_is_end(first) ? NULL : g_sequence_get(first);
}

static void timers_wake(struct timers *timers)
{
    const struct timer *first = timers_first(timers);

    if (timers->source != NULL)
        g_source_set_ready_time(timers->source, first == NULL ? -1 : first->due);
}

static void timers_run_first(struct timers *timers)
{
    struct timer *timer = timers_first(timers);

    g_sequence_remove(timer->set);
    timer->set = NULL;
    timer->fn(timer->user_data);
}

static gboolean timers_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
    struct timers *timers = ((struct timers_source *)source)->timers;
    gint64 now = g_get_monotonic_time();

    for (guint i = 0; i < TIMERS_PER_TURN; i++) {
        const struct timer *first = timers_first(timers);

        if (first == NULL || first->due > now)
            break;
        timers_run_first(timers);
    }
    timers_wake(timers);
    return G_SOURCE_CONTINUE;
}

struct timers *timers_new_manual(void)
{
    struct timers *timers = g_new0(struct timers, 1);

    timers->set = g_sequence_new(NULL);
    timers->manual_us = G_USEC_PER_SEC; /* 0 means "never" in many a field */
    return timers;
}

struct timers *timers_new(void)
{
    static const GSourceFuncs funcs = {.dispatch = timers_dispatch};
    struct timers *timers = timers_new_manual();

    timers->source = g_source_new((GSourceFuncs *)&funcs, sizeof(struct timers_source));
    ((struct timers_source *)timers->source)->timers = timers;
    g_source_set_static_name(timers->source, "naming timers");
    g_source_attach(timers->source, g_main_context_get_thread_default());
    return timers;
}

void timers_free(struct timers *timers)
{
    if (timers->source != NULL) {
        g_source_destroy(timers->source);
        g_source_unref(timers->source);
    }
    g_sequence_free(timers->set);
    g_free(timers);
}

gint64 timers_now(const struct timers *timers)
{
    return timers->source != NULL ? g_get_monotonic_time() : timers->manual_us;
}

void timers_advance(struct timers *timers, gint64 us)
{
    gint64 end = timers->manual_us + us;
    const struct timer *first;

    while ((first = timers_first(timers)) != NULL && first->due <= end) {
        timers->manual_us = MAX(timers->manual_us, first->due);
        timers_run_first(timers);
    }
    timers->manual_us = end;
}

static int timer_compare(gconstpointer a, gconstpointer b, gpointer unused)
{
    gint64 due_a = ((const struct timer *)a)->due;
    gint64 due_b = ((const struct timer *)b)->due;

    return (due_a > due_b) - (due_a < due_b);
}

void timer_init(struct timer *timer, struct timers *timers, timer_fn fn, gpointer user_data)
{
    *timer = (struct timer){.timers = timers, .fn = fn, .user_data = user_data};
}

void timer_set_at(struct timer *timer, gint64 due)
{
    if (timer->set != NULL)
        g_sequence_remove(timer->set);
    timer->due = due;
    timer->set = g_sequence_insert_sorted(timer->timers->set, timer, timer_compare, NULL);
    timers_wake(timer->timers);
}

void timer_set(struct timer *timer, gint64 delay_us)
{
    timer_set_at(timer, timers_now(timer->timers) + delay_us);
}

void timer_stop(struct timer *timer)
{
    if (timer->set == NULL)
        return;
    g_sequence_remove(timer->set);
    timer->set = NULL;
    timers_wake(timer->timers);
}

gboolean timer_is_set(const struct timer *timer)
{
    return timer->set != NULL;
}
