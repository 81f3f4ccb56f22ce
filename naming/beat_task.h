/* SPDX-License-Identifier: MIT
 *
 * The heartbeat of one instance (BeatReactor.BeatTask of the Java client): one beat at a time, on a
 * schedule that goes on whatever becomes of a beat. What a lost registration means is its owner's
 * business.
 */
#pragma once

#include "naming/naming_proxy.h"
#include "naming/timers.h"

enum beat_outcome {
    BEAT_ANSWERED,
    BEAT_LOST,    /* the server does not know the instance (20404) */
    BEAT_FAILED,  /* not answered, or refused */
    BEAT_STOPPED, /* the instance had been dropped meanwhile */
};
/* Called at the end of each beat; the owner may free the task in it. */
typedef void (*beat_ended_fn)(enum beat_outcome outcome, const struct naming_result *result,
                              gpointer user_data);

struct beat_task {
    struct naming_proxy *proxy;        /* borrowed */
    const struct service_key *key;     /* borrowed */
    guint timeout_ms;                  /* of one beat at most */
    struct naming_beat_counts *counts; /* borrowed; of all tasks */
    beat_ended_fn ended;
    gpointer user_data;
    struct instance *instance; /* owned; as registered; NULL = nothing to beat */
    struct naming_beat_state state;
    gboolean light;           /* the server takes beats without a body */
    gboolean spread;          /* the next regular delay is drawn by lot */
    guint failures;           /* in a row */
    gint64 sent;              /* us, of the last beat */
    struct naming_call *call; /* beat in flight */
    struct timer timer;
};

/* The members up to user_data are set already. */
void beat_task_init(struct beat_task *task, struct timers *timers);
void beat_task_clear(struct beat_task *task);

/* Keeps a copy of `instance` in place of what was kept and beats it if it is ephemeral: the first
 * (full) beat comes within a period, a schedule that runs already goes on. */
void beat_task_keep(struct beat_task *task, const struct instance *instance);
/* The same for one that the server should know: the first beat is light, since a full one would
 * have the server make the instance anew without all of its attributes, and comes `delay_us` from
 * now. */
void beat_task_adopt(struct beat_task *task, const struct instance *instance, gint64 delay_us);
/* No more beats; one in flight runs to its end. */
void beat_task_drop(struct beat_task *task);

/* No beat until beat_task_resume. */
void beat_task_pause(struct beat_task *task);
/* Goes on a period from now, or, after a trouble, soon. */
void beat_task_resume(struct beat_task *task, gboolean soon);
