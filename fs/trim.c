/* SPDX-License-Identifier: MIT */
#include "fs/trim.h"

#include "fs/state.h"

#include <malloc.h>

#define MUCH 500     /* records: of nodes, lists, services */
#define FEW 20       /* records: come and go all the time */
#define CALM_TICKS 8 /* a trim of a large heap takes some ms */

void trim_tick(struct trim *trim, struct state *state)
{
    struct state_usage usage;
    state_usage(state, &usage);
    trim->calm = usage.records + FEW >= trim->last ? trim->calm + 1 : 0;
    trim->last = usage.records;
    trim->most = MAX(trim->most, usage.records);
    if (trim->calm < CALM_TICKS || trim->most - usage.records < MUCH)
        return;
    trim->most = usage.records;
    state_trim(state);
    malloc_trim(0);
}
