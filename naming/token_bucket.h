/* SPDX-License-Identifier: MIT
 *
 * A rate limit: tokens flow in at `rate` a second up to `burst`; something may be done while there
 * are any, and what costs more than is there runs into debt. Pure: time is a parameter.
 */
#pragma once

#include <glib.h>

struct token_bucket {
    double rate;   /* tokens a second */
    double burst;  /* most that are ever there */
    double tokens; /* there now; negative = debt */
    gint64 filled; /* us; when `tokens` was right */
};

/* Full at first. */
void token_bucket_init(struct token_bucket *bucket, double rate, double burst, gint64 now);
/* us until something may be done; 0 = now. */
gint64 token_bucket_wait(struct token_bucket *bucket, gint64 now);
/* TRUE and `cost` taken, or FALSE and nothing taken. */
gboolean token_bucket_take(struct token_bucket *bucket, double cost, gint64 now);
