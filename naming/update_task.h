/* SPDX-License-Identifier: MIT
 *
 * When a subscribed service's list is asked for next (HostReactor.UpdateTask of the Java client).
 * Pure.
 */
#pragma once

#include <glib.h>

/* A server drops a push subscription that was not renewed for 10 s (1.4's defaultPushCacheMillis).
 */
#define UPDATE_RENEW_MS 8000
/* Without push nothing else would tell of the first instance of an empty service. */
#define UPDATE_FAILED_MAX_MS 10000

enum update_outcome { UPDATE_HOSTS, UPDATE_EMPTY, UPDATE_ERROR };

struct update_task {
    guint rounds;        /* lists that came, empty ones too */
    guint fail_count;    /* empty lists and errors in a row; at most 6 */
    gint64 cache_millis; /* as the server last asked for; 0 = not yet */
};

/* `cache_millis` is looked at only if there was a list. */
void update_task_ended(struct update_task *task, enum update_outcome outcome, gint64 cache_millis);

struct update_times {
    gint64 sent;   /* us; when the last list request went out */
    gint64 now;    /* us */
    gboolean push; /* the request also renews a push subscription */
};
/* us; when the next one is due. `random` in [0,1) spreads the services by a tenth, never beyond the
 * limits above. */
gint64 update_task_next(const struct update_task *task, const struct update_times *times,
                        double random);
