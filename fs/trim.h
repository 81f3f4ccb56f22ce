/* SPDX-License-Identifier: MIT
 *
 * Memory that was needed once goes back to the system: what `find` over thousands of services made
 * leaves holes in the heap and in the state, which would else stay resident for good.
 */
#pragma once

#include <glib.h>

struct state;

/* Zeroes at first. */
struct trim {
    guint most; /* records in use at most since the last trim */
    guint last; /* at the last tick */
    guint calm; /* ticks in a row in which nearly none went */
};

/* Called a few times a second: trims when much was let go of and nothing has changed for a while.
 */
void trim_tick(struct trim *trim, struct state *state);
