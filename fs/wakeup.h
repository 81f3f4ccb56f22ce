/* SPDX-License-Identifier: MIT
 *
 * A source that sleeps until a time that can be moved: timer and "in the next turn" in one. Fires
 * once for each time set.
 */
#pragma once

#include <glib.h>

#define WAKEUP_NEVER (-1)
#define WAKEUP_NOW 0

/* On the thread-default main context; set its time with g_source_set_ready_time(), monotonic us.
 * New reference: g_source_destroy() and g_source_unref() it, or wakeup_clear(). */
GSource *wakeup_new(int priority, void (*fired)(gpointer user_data), gpointer user_data);

/* Destroys *source, unrefs it and sets it to NULL; NULL in *source is allowed. For any source. */
void wakeup_clear(GSource **source);
