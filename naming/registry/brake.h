/* SPDX-License-Identifier: MIT
 *
 * When most instances miss their beats at once, it is more likely that the beats do not reach us (a
 * partition, a machine that stood still) than that all have died. Then nothing is removed, as long
 * as they are missing: lists go on showing them, as unhealthy. Pure; times are us of
 * CLOCK_MONOTONIC.
 */
#pragma once

#include <glib.h>

#define BRAKE_LEAST 20                           /* instances that must be missing */
#define BRAKE_SWEEP_S 5                          /* within so many seconds */
#define BRAKE_LONGEST (10 * 60 * G_USEC_PER_SEC) /* then they are taken for dead after all */
#define BRAKE_GRACE (15 * G_USEC_PER_SEC)        /* after its release: one time-out more for all */

struct brake {
    gboolean disabled; /* by option */
    gboolean on;
    guint missed[BRAKE_SWEEP_S]; /* how many began to be missing, by second modulo BRAKE_SWEEP_S */
    gint64 second;               /* of the newest of these */
    gint64 since;                /* when it was put on */
    gint64 released;             /* when it was last released; 0 = never */
    guint times;                 /* that it was put on */
};

/* One more instance missed its beats at `now`. */
void brake_miss(struct brake *brake, gint64 now);

/* Puts it on or releases it: `missing` of `total` ephemeral instances are overdue now. */
void brake_update(struct brake *brake, guint missing, guint total, gint64 now);

/* TRUE = nothing may be removed at `now`. */
gboolean brake_holds(const struct brake *brake, gint64 now);
