/* SPDX-License-Identifier: MIT
 *
 * Health of ephemeral instances (ClientBeatProcessor, ClientBeatCheckTask of 1.4.8, but to the
 * millisecond instead of in steps of 5 s) and the end of services that stay empty. Functions of the
 * store and the time. An instance's place in store.deadlines is moved only when it comes up, so a
 * beat costs one assignment.
 */
#pragma once

#include "naming/registry/store.h"

/* The instance lives at `now`: its times start again. Its place in the timeline is put right if it
 * stood too late. */
void health_touch(struct store *store, struct store_instance *instance, gint64 now);

/* A beat: touches, and an unhealthy instance becomes healthy at once. */
void health_beat(struct store *store, struct store_instance *instance, gint64 now,
                 struct store_change *change);

/* Does the next thing that is due: an instance becomes unhealthy or goes, unless the brake holds.
 * Whatever is overdue at `now` becomes unhealthy before any of it goes, so that the brake has seen
 * all of it. FALSE when nothing is left to do at `now`; call until then. */
gboolean health_step(struct store *store, gint64 now, struct store_change *change);

/* Removes the services that were empty for long enough. Nobody needs to hear of it: their lists
 * stay empty. */
void health_remove_empty(struct store *store, gint64 now);

/* When health_step or health_remove_empty has to do something again, or TIMELINE_NEVER. */
gint64 health_next(const struct store *store);

/* This process stood still until `now` (stopped, a suspended machine) and heard no beats meanwhile:
 * every instance gets one full time-out more. */
void health_resume(struct store *store, gint64 now);
