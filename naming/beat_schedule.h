/* SPDX-License-Identifier: MIT
 *
 * When the next beat is due. Pure. `random` is a number in [0,1).
 */
#pragma once

#include "naming/instance.h"

/* Between beats, ms: the instance's preserved.heart.beat.interval (PreservedMetadataKeys) if it is
 * a number, else Constants.DEFAULT_HEART_BEAT_INTERVAL, 5 s. */
gint64 beat_period_ms(const struct instance *instance);
/* What a server asked for, kept between 100 ms and a day. */
gint64 beat_clamp_period_ms(gint64 period_ms);

/* us until the first beat: anywhere within the period, so that instances registered in one go do
 * not beat in one go ever after. */
gint64 beat_phase_us(gint64 period_ms, double random);
/* us until the next try after `failures` (>= 1) failed ones in a row: within half a second, then
 * growing to half a period, never longer than 2.5 s: a dead server costs twice the usual rate at
 * most, and one that comes back hears of all instances at once. */
gint64 beat_retry_us(gint64 period_ms, guint failures, double random);
