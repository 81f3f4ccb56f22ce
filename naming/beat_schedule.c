/* SPDX-License-Identifier: MIT */
#include "naming/beat_schedule.h"

#define BEAT_INTERVAL_KEY "preserved.heart.beat.interval"
#define BEAT_DEFAULT_PERIOD_MS 5000
#define BEAT_MIN_PERIOD_MS 100
#define BEAT_MAX_PERIOD_MS (24 * 3600 * 1000)
#define BEAT_FIRST_RETRY_MS 500
#define BEAT_MAX_RETRY_MS 2500
#define MS 1000 /* us */

gint64 beat_clamp_period_ms(gint64 period_ms)
{
    return CLAMP(period_ms, BEAT_MIN_PERIOD_MS, BEAT_MAX_PERIOD_MS);
}

gint64 beat_period_ms(const struct instance *instance)
{
    const char *text = instance_get_metadata(instance, BEAT_INTERVAL_KEY);
    guint64 period;

    if (text == NULL || !g_ascii_string_to_unsigned(text, 10, 1, BEAT_MAX_PERIOD_MS, &period, NULL))
        return BEAT_DEFAULT_PERIOD_MS;
    return beat_clamp_period_ms((gint64)period);
}

gint64 beat_phase_us(gint64 period_ms, double random)
{
    return (gint64)((1.0 - random) * (double)period_ms * MS);
}

gint64 beat_retry_us(gint64 period_ms, guint failures, double random)
{
    gint64 most = MIN(period_ms / 2, BEAT_MAX_RETRY_MS);
    gint64 delay = MIN((gint64)BEAT_FIRST_RETRY_MS << MIN(failures - 1, 8), most);

    return (gint64)((1.0 - random / 2) * (double)delay * MS);
}
