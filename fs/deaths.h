/* SPDX-License-Identifier: MIT
 *
 * What the keeper makes of a daemon's death: start the next one at once, later, or never again; and
 * which request is not to be tried any more. Pure.
 */
#pragma once

#include "fs/state.h"

#define DEATHS_MOST 6                           /* of its own doing ... */
#define DEATHS_WITHIN (60 * G_TIME_SPAN_SECOND) /* ... in that time are too many */
#define DEATHS_POISON 3                         /* of one request */
/* What is asked of the same node in the same way within that time is not tried again. */
#define DEATHS_POISON_TIME (60 * G_TIME_SPAN_SECOND)

struct deaths {
    gint64 times[DEATHS_MOST]; /* monotonic us; of the last ones that count, a ring */
    guint count;
    guint in_a_row; /* of those that count */
    guint unready;  /* killed one after the other before they were ready */
};

/* A daemon ended. `by_itself`: not by a SIGKILL from outside. What it was handling
 * (shared->current) is struck. A death that is laid to a request does not count, and a SIGKILL only
 * if the daemon was never ready: those who kill it are welcome to do so. The delay until the next
 * start in ms, -1 = never: there were too many. */
int deaths_note(struct deaths *deaths, struct state_shared *shared, gboolean by_itself, gint64 now);

/* Whether `request` (unique, node and opcode) is to be answered with EIO. */
gboolean deaths_poisoned(const struct state_shared *shared, const struct state_strike *request,
                         gint64 now);
