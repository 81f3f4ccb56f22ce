/* SPDX-License-Identifier: MIT
 *
 * A table of records by id: a slot number with a generation on top, so that an id that outlived its
 * record never finds another one. Nodes, handles, groups, services and registrations live in such
 * tables and refer to each other by id only, never by pointer across callbacks. Pure.
 */
#pragma once

#include <glib.h>

#define SLOTS_INDEX_BITS 24 /* 16 million records */

struct slots;

/* `free_item` may be NULL. The first record gets index 1, generation 0: id 1 (FUSE_ROOT_ID). */
struct slots *slots_new(GDestroyNotify free_item);
void slots_free(struct slots *slots);

/* For tables whose ids outlive the process: slots not used so far begin with the generation *next
 * (borrowed, as long as the table lives), which is kept above all that were given out. Before
 * anything is added. */
void slots_begin_at(struct slots *slots, guint64 *next);
/* Puts `item` back in the place that `id` (given out by an earlier process) names. FALSE if that is
 * taken or no place at all: `item` stays the caller's. */
gboolean slots_put(struct slots *slots, guint64 id, gpointer item);
/* After the last slots_put, before the first slots_add. */
void slots_restored(struct slots *slots);

/* Owns `item` from now on. Never 0. */
guint64 slots_add(struct slots *slots, gpointer item);
/* Borrowed; NULL for an id that was never given or whose record is gone. */
gpointer slots_get(const struct slots *slots, guint64 id);
void slots_remove(struct slots *slots, guint64 id); /* frees the item; unknown ids are ignored */

/* Walking: indexes 1 to slots_high() (inclusive); NULL where a slot is empty. An index stays a
 * record's as long as it lives, so it serves as a readdir offset. */
guint slots_high(const struct slots *slots);
gpointer slots_at(const struct slots *slots, guint index);
guint slots_count(const struct slots *slots);
guint slots_index(guint64 id);
