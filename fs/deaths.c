/* SPDX-License-Identifier: MIT */
#include "fs/deaths.h"

#define UNREADY_STEP 5 /* kills in a row before the delay grows by a step */

static const int delays[] = {0, 0, 50, 200, 800}; /* ms, from the n-th death in a row on */

/* The record of that request, else the one whose last death is longest ago. */
static struct state_strike *find(struct state_shared *shared, guint64 unique)
{
    struct state_strike *oldest = &shared->strikes[0];
    for (int i = 0; i < STATE_STRIKES; i++) {
        struct state_strike *strike = &shared->strikes[i];
        if (strike->unique == unique)
            return strike;
        if (strike->last < oldest->last)
            oldest = strike;
    }
    return oldest;
}

/* TRUE if there was a request to lay it to, one that is not answered with EIO already. */
static gboolean strike_current(struct state_shared *shared, gint64 now)
{
    struct state_strike current = shared->current;
    shared->current.unique = 0;
    if (!current.unique)
        return FALSE;
    struct state_strike *strike = find(shared, current.unique);
    guint64 before = strike->unique == current.unique ? strike->deaths : 0;
    *strike = current;
    strike->deaths = before + 1;
    strike->last = now;
    return strike->deaths <= DEATHS_POISON;
}

static gboolean too_many(struct deaths *deaths, gint64 now)
{
    gint64 *oldest = &deaths->times[deaths->count % DEATHS_MOST];
    *oldest = now;
    deaths->count++;
    gint64 first = deaths->times[deaths->count % DEATHS_MOST];
    return deaths->count >= DEATHS_MOST && now - first < DEATHS_WITHIN;
}

static int delay_after(guint row)
{
    return delays[MIN(row, G_N_ELEMENTS(delays) - 1)];
}

int deaths_note(struct deaths *deaths, struct state_shared *shared, gboolean by_itself, gint64 now)
{
    gboolean laid = strike_current(shared, now);
    deaths->unready = by_itself || shared->ready ? 0 : deaths->unready + 1;
    if (!by_itself || laid) {
        deaths->in_a_row = 0;
        return delay_after(deaths->unready / UNREADY_STEP);
    }
    if (too_many(deaths, now))
        return -1;
    return delay_after(deaths->in_a_row++);
}

gboolean deaths_poisoned(const struct state_shared *shared, const struct state_strike *request,
                         gint64 now)
{
    for (int i = 0; i < STATE_STRIKES; i++) {
        const struct state_strike *strike = &shared->strikes[i];
        gboolean same = strike->node == request->node && strike->opcode == request->opcode &&
                        now - strike->last < DEATHS_POISON_TIME;
        if (strike->deaths >= DEATHS_POISON && (same || strike->unique == request->unique))
            return TRUE;
    }
    return FALSE;
}
