/* SPDX-License-Identifier: MIT */
#include "naming/token_bucket.h"

void token_bucket_init(struct token_bucket *bucket, double rate, double burst, gint64 now)
{
    *bucket = (struct token_bucket){.rate = rate, .burst = burst, .tokens = burst, .filled = now};
}

gint64 token_bucket_wait(struct token_bucket *bucket, gint64 now)
{
    double flowed = (double)(now - bucket->filled) * bucket->rate / G_USEC_PER_SEC;

    bucket->tokens = MIN(bucket->tokens + flowed, bucket->burst);
    bucket->filled = now;
    if (bucket->tokens > 0)
        return 0;
    return (gint64)(-bucket->tokens / bucket->rate * G_USEC_PER_SEC) + 1;
}

gboolean token_bucket_take(struct token_bucket *bucket, double cost, gint64 now)
{
    if (token_bucket_wait(bucket, now) > 0)
        return FALSE;
    bucket->tokens -= cost;
    return TRUE;
}
