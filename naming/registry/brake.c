/* SPDX-License-Identifier: MIT */
#include "naming/registry/brake.h"

/* Forgets the seconds that are out of the sweep. */
static void move_to(struct brake *brake, gint64 now)
{
    gint64 second = now / G_USEC_PER_SEC;
    gint64 oldest = MAX(brake->second + 1, second - BRAKE_SWEEP_S + 1);
    for (gint64 at = oldest; at <= second; at++)
        brake->missed[at % BRAKE_SWEEP_S] = 0;
    brake->second = MAX(brake->second, second);
}

void brake_miss(struct brake *brake, gint64 now)
{
    move_to(brake, now);
    brake->missed[brake->second % BRAKE_SWEEP_S]++;
}

static guint missed_in_sweep(const struct brake *brake)
{
    guint sum = 0;
    for (guint i = 0; i < BRAKE_SWEEP_S; i++)
        sum += brake->missed[i];
    return sum;
}

static void release(struct brake *brake, gint64 now)
{
    brake->on = FALSE;
    brake->released = now;
}

void brake_update(struct brake *brake, guint missing, guint total, gint64 now)
{
    move_to(brake, now);
    if (brake->on && (2 * (guint64)missing <= total || now - brake->since >= BRAKE_LONGEST)) {
        release(brake, now);
        return;
    }
    guint64 missed = MIN(missed_in_sweep(brake), missing);
    if (brake->on || brake->disabled || missed < BRAKE_LEAST || 2 * missed <= total)
        return;
    brake->on = TRUE;
    brake->since = now;
    brake->times++;
}

gboolean brake_holds(const struct brake *brake, gint64 now)
{
    return brake->on || (brake->released && now - brake->released < BRAKE_GRACE);
}
