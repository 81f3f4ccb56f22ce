/* SPDX-License-Identifier: MIT */
#include "naming/registry/timeline.h"

static int timed_compare(gconstpointer a, gconstpointer b, gpointer user_data)
{
    const struct timed *left = a, *right = b;
    return (left->due > right->due) - (left->due < right->due);
}

static struct timed *timeline_first(GSequence *timeline)
{
    GSequenceIter *begin = g_sequence_get_begin_iter(timeline);
    return g_sequence_iter_is_end(begin) ? NULL : g_sequence_get(begin);
}

GSequence *timeline_new(void)
{
    return g_sequence_new(NULL);
}

void timeline_set(GSequence *timeline, struct timed *entry, gint64 due)
{
    timeline_clear(entry);
    entry->due = due;
    entry->at = g_sequence_insert_sorted(timeline, entry, timed_compare, NULL);
}

void timeline_clear(struct timed *entry)
{
    if (entry->at)
        g_sequence_remove(entry->at);
    entry->at = NULL;
}

gpointer timeline_due(GSequence *timeline, gint64 now)
{
    struct timed *first = timeline_first(timeline);
    return first && first->due <= now ? first->owner : NULL;
}

gint64 timeline_next(GSequence *timeline)
{
    struct timed *first = timeline_first(timeline);
    return first ? first->due : TIMELINE_NEVER;
}
