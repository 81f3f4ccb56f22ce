/* SPDX-License-Identifier: MIT
 *
 * Things with a due time, in the order of it. The entry is embedded in what it belongs to, so that
 * it can be moved and taken out in O(log n). Times are microseconds of CLOCK_MONOTONIC.
 */
#pragma once

#include <glib.h>

#define TIMELINE_NEVER G_MAXINT64

/* All zero but for `owner` while it stands in no timeline. */
struct timed {
    gint64 due;        /* us, monotonic */
    GSequenceIter *at; /* NULL = in no timeline */
    gpointer owner;    /* borrowed: the structure this is embedded in */
};

/* Freed with g_sequence_free once no entry is used any more; entries are borrowed. */
GSequence *timeline_new(void);

/* Puts the entry in, or moves it. */
void timeline_set(GSequence *timeline, struct timed *entry, gint64 due);

/* Takes the entry out; one that is in no timeline is left alone. */
void timeline_clear(struct timed *entry);

/* The owner of the earliest entry due at or before `now`, still in the timeline; NULL = none. */
gpointer timeline_due(GSequence *timeline, gint64 now);

/* When the earliest entry is due, or TIMELINE_NEVER. */
gint64 timeline_next(GSequence *timeline);
