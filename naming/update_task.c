/* SPDX-License-Identifier: MIT */
#include "naming/update_task.h"

/* UpdateTask of nacos-client 1.4 */
#define DEFAULT_DELAY_MS 1000
#define MAX_DELAY_MS 60000
#define MAX_FAIL_COUNT 6
#define DEFAULT_CACHE_MS 10000 /* ServiceInfo.cacheMillis where the server names none */

#define MS 1000 /* us */

void update_task_ended(struct update_task *task, enum update_outcome outcome, gint64 cache_millis)
{
    task->fail_count =
        outcome == UPDATE_HOSTS ? 0 : MIN(task->fail_count + 1, (guint)MAX_FAIL_COUNT);
    if (outcome == UPDATE_ERROR)
        return;
    task->rounds++;
    task->cache_millis =
        cache_millis > 0 ? CLAMP(cache_millis, DEFAULT_DELAY_MS, MAX_DELAY_MS) : DEFAULT_CACHE_MS;
}

static gint64 update_task_delay_ms(const struct update_task *task)
{
    if (task->fail_count > 0)
        return (gint64)DEFAULT_DELAY_MS << task->fail_count;
    return task->rounds <= 1 ? DEFAULT_DELAY_MS : task->cache_millis;
}

gint64 update_task_next(const struct update_task *task, const struct update_times *times,
                        double random)
{
    gint64 most = times->push ? UPDATE_RENEW_MS
                              : (task->fail_count > 0 ? UPDATE_FAILED_MAX_MS : MAX_DELAY_MS);
    gint64 delay = update_task_delay_ms(task);
    double spread = delay < most ? 0.9 + random / 5 : 0.8 + random / 5;
    gint64 delay_us = (gint64)(spread * (double)MIN(delay, most) * MS);
    gint64 due = MIN(times->now + delay_us, times->sent + most * MS);

    return MAX(due, times->now + DEFAULT_DELAY_MS / 2 * MS);
}
