/* SPDX-License-Identifier: MIT
 *
 * Read your writes: what we registered or deregistered and the server's lists do not show yet. An
 * entry lasts until a list agrees with it, OVERLAY_LIFE at most, but never less than OVERLAY_QUIET:
 * a list that agrees may be older than our change (register and deregister at once: the list from
 * before agrees, the push from in between does not). Pure.
 */
#pragma once

#include "naming/naming.h"

#define OVERLAY_LIFE (5 * G_USEC_PER_SEC)
#define OVERLAY_QUIET G_USEC_PER_SEC /* by then what was under way at our change has arrived */

struct overlay_entry {
    struct instance instance;
    gboolean gone; /* leave it out instead of adding it */
    gint64 since;  /* monotonic us */
    gint64 until;
};

struct overlay {
    GPtrArray *entries; /* of struct overlay_entry, private; NULL = none yet */
};

void overlay_clear(struct overlay *overlay);
/* `instance` was accepted by a server (copied) or, with `gone`, deregistered. Replaces what was
 * noted for the same address and cluster. `now`: monotonic us. */
void overlay_note(struct overlay *overlay, const struct instance *instance, gboolean gone,
                  gint64 now);
/* Drops the entries whose time is over; with those that `list` agrees with that is sooner. */
void overlay_settle(struct overlay *overlay, const struct service_info *list, gint64 now);
/* What to serve: `list` itself if there is nothing to add or leave out. New reference. */
struct service_info *overlay_apply(const struct overlay *overlay, struct service_info *list);
guint overlay_count(const struct overlay *overlay);
/* Borrowed. */
const struct overlay_entry *overlay_at(const struct overlay *overlay, guint i);
/* Puts back one that an earlier daemon noted; the instance is the overlay's from now on. */
void overlay_restore(struct overlay *overlay, const struct overlay_entry *entry);
/* Monotonic us when the first entry ends; 0 = no entries. */
gint64 overlay_next_end(const struct overlay *overlay);
