/* SPDX-License-Identifier: MIT
 *
 * Callers that wait for a service's list (naming_wait): many share one request, each has its own
 * deadline, and each is called from a turn of its own, so that it may call back into the client.
 */
#pragma once

#include "naming/naming.h"
#include "naming/timers.h"

/* One a reactor. */
struct list_waits {
    guint timeout_ms;             /* until `done` at the latest */
    void (*left)(gpointer place); /* one that waited was cancelled or told that time is up */
    GQueue ready;                 /* struct list_wait, answered, not yet called */
    struct timer timer;
};

void list_waits_init(struct list_waits *waits, struct timers *timers, guint timeout_ms,
                     void (*left)(gpointer place));
void list_waits_clear(struct list_waits *waits); /* drops those that are ready */

/* Appends a caller to `queue` (of the service `place`). */
struct naming_call *list_wait_add(struct list_waits *waits, GQueue *queue, gpointer place,
                                  naming_list_fn done, gpointer user_data);
/* Answers all of `queue`, which is empty afterwards; `result` is copied, `info` referenced. */
void list_waits_answer(struct list_waits *waits, GQueue *queue, const struct naming_result *result,
                       struct service_info *info);
void list_waits_drop(GQueue *queue); /* without `done` */
