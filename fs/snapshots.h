/* SPDX-License-Identifier: MIT
 *
 * The bytes of open files in the state: one copy of each version, however many have it open. No
 * FUSE calls.
 */
#pragma once

#include "fs/state.h"

struct snapshots;

/* With what an earlier daemon has left, held by nobody yet. */
struct snapshots *snapshots_new(struct state *state);
void snapshots_free(struct snapshots *snapshots); /* NULL is allowed; the state keeps it all */

/* The number under which `bytes` stand in the state until as many snapshots_release; 0 for empty
 * ones. The same GBytes gets the same number. */
guint64 snapshots_hold(struct snapshots *snapshots, GBytes *bytes);
void snapshots_release(struct snapshots *snapshots, guint64 id);
/* The bytes of that number, held once more: new reference; empty for 0 and for what is not there.
 */
GBytes *snapshots_reopen(struct snapshots *snapshots, guint64 id);
/* Drops those that nobody has taken up again. */
void snapshots_drop_unheld(struct snapshots *snapshots);
