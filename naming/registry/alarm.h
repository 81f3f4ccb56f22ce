/* SPDX-License-Identifier: MIT
 *
 * A timer that is set to a point in time and moved freely: one for each part that keeps a timeline.
 */
#pragma once

#include <glib.h>

/* Called when due; the alarm is off then, until it is set again. */
typedef void (*alarm_fn)(gpointer user_data);

/* Attached to `context`, off. Freed with alarm_free. */
GSource *alarm_new(GMainContext *context, alarm_fn fn, gpointer user_data);
void alarm_free(GSource *alarm);

/* `due`: us of CLOCK_MONOTONIC, past = in the next turn of the loop, TIMELINE_NEVER = off. */
void alarm_set(GSource *alarm, gint64 due);
