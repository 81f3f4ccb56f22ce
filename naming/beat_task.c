/* SPDX-License-Identifier: MIT */
#include "naming/beat_task.h"

#include "naming/beat_schedule.h"

/* RsInfo codes, com.alibaba.nacos.api.naming.NamingResponseCode */
#define BEAT_CODE_OK 10200
#define BEAT_CODE_RESOURCE_NOT_FOUND 20404

#define BEAT_LATE_MS 2000 /* after its time; servers wait for two more periods */

#define MS 1000 /* us */

static gboolean beat_task_is_on(const struct beat_task *task)
{
    return task->instance != NULL && task->instance->ephemeral;
}

/* After an outage all instances are answered within the short time between two tries: where in the
 * period each is beaten from then on is drawn anew, or they would come in a crowd ever after. */
static void beat_task_retry(struct beat_task *task)
{
    task->failures++;
    task->spread = TRUE;
    timer_set(&task->timer,
              beat_retry_us(task->state.period_ms, task->failures, g_random_double()));
}

static void beat_task_next(struct beat_task *task)
{
    gint64 period_us = task->state.period_ms * MS;
    gint64 now = timers_now(task->timer.timers);

    if (task->spread)
        period_us = beat_phase_us(task->state.period_ms, g_random_double());
    task->spread = FALSE;
    task->failures = 0;
    timer_set_at(&task->timer, MAX(task->sent + period_us, now));
}

static enum beat_outcome beat_task_answered(struct beat_task *task, const struct beat_reply *reply)
{
    gint64 now = timers_now(task->timer.timers);
    gint64 due = task->state.last_beat + (task->state.period_ms + BEAT_LATE_MS) * MS;

    task->counts->answered++;
    task->counts->late += task->state.last_beat > 0 && now > due;
    task->state.beats++;
    task->state.last_beat = now;
    if (reply->interval_ms > 0)
        task->state.period_ms = beat_clamp_period_ms(reply->interval_ms);
    if (reply->code == BEAT_CODE_RESOURCE_NOT_FOUND) { /* 1.4 leaves lightBeatEnabled out of it */
        task->counts->lost++;
        beat_task_retry(task);
        return BEAT_LOST;
    }
    task->light = reply->light;
    beat_task_next(task);
    return BEAT_ANSWERED;
}

static enum beat_outcome beat_task_failed(struct beat_task *task,
                                          const struct naming_result *result)
{
    task->counts->failed++;
    task->state.failures++;
    if (result->status != NAMING_UNREACHABLE && result->status != NAMING_TIMEOUT)
        task->light = FALSE; /* refused: it may be a server that knows no light beats */
    beat_task_retry(task);
    return BEAT_FAILED;
}

static void beat_task_on_beat(const struct naming_result *result, const struct beat_reply *reply,
                              gpointer user_data)
{
    struct beat_task *task = user_data;
    struct naming_result refused = *result;
    enum beat_outcome outcome = BEAT_STOPPED;

    task->call = NULL;
    if (result->status == NAMING_OK && reply->code != BEAT_CODE_OK &&
        reply->code != BEAT_CODE_RESOURCE_NOT_FOUND) {
        refused.status = NAMING_REMOTE;
        refused.text = "beat refused";
    }
    if (beat_task_is_on(task) && refused.status == NAMING_OK)
        outcome = beat_task_answered(task, reply);
    else if (beat_task_is_on(task))
        outcome = beat_task_failed(task, &refused);
    task->ended(outcome, &refused, task->user_data);
}

static void beat_task_on_timer(gpointer user_data)
{
    struct beat_task *task = user_data;
    guint timeout_ms = (guint)MIN((gint64)task->timeout_ms, task->state.period_ms);

    if (task->call != NULL)
        return; /* its end goes on with the schedule */
    task->counts->sent++;
    task->sent = timers_now(task->timer.timers);
    task->call = naming_proxy_beat(task->proxy, task->key, task->instance, task->state.period_ms,
                                   task->light, timeout_ms, beat_task_on_beat, task);
}

void beat_task_init(struct beat_task *task, struct timers *timers)
{
    timer_init(&task->timer, timers, beat_task_on_timer, task);
}

void beat_task_clear(struct beat_task *task)
{
    beat_task_drop(task);
    if (task->call != NULL)
        naming_call_cancel(task->call);
    task->call = NULL;
}

/* TRUE if a schedule runs already whose next beat does not come too late for the new period. */
static gboolean beat_task_replace(struct beat_task *task, const struct instance *instance)
{
    gboolean was_on = beat_task_is_on(task);
    struct instance *copy = instance_dup(instance); /* may be what is kept */
    gint64 period_ms = instance->ephemeral ? beat_period_ms(instance) : 0;

    if (task->instance == NULL)
        task->state = (struct naming_beat_state){0};
    instance_free(task->instance);
    task->instance = copy;
    task->state.period_ms = period_ms;
    if (!was_on)
        return FALSE;
    if (task->call != NULL)
        return TRUE;
    return timer_is_set(&task->timer) &&
           task->timer.due <= timers_now(task->timer.timers) + period_ms * MS;
}

void beat_task_keep(struct beat_task *task, const struct instance *instance)
{
    gboolean running = beat_task_replace(task, instance);

    if (!instance->ephemeral)
        timer_stop(&task->timer);
    else if (!running) {
        task->light = FALSE;
        timer_set(&task->timer, beat_phase_us(task->state.period_ms, g_random_double()));
    }
}

void beat_task_adopt(struct beat_task *task, const struct instance *instance, gint64 delay_us)
{
    gboolean running = beat_task_replace(task, instance);

    if (running || !instance->ephemeral)
        return;
    task->light = TRUE;
    task->spread = TRUE;
    timer_set(&task->timer, delay_us);
}

void beat_task_drop(struct beat_task *task)
{
    timer_stop(&task->timer);
    instance_free(task->instance);
    task->instance = NULL;
}

void beat_task_pause(struct beat_task *task)
{
    timer_stop(&task->timer);
}

void beat_task_resume(struct beat_task *task, gboolean soon)
{
    if (!beat_task_is_on(task) || task->call != NULL)
        return;
    if (soon)
        beat_task_retry(task);
    else
        timer_set(&task->timer, task->state.period_ms * MS);
}
