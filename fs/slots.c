/* SPDX-License-Identifier: MIT */
#include "fs/slots.h"

#define INDEX_MASK ((G_GUINT64_CONSTANT(1) << SLOTS_INDEX_BITS) - 1)

struct slot {
    gpointer item; /* NULL = free */
    guint64 generation;
};

struct slots {
    GArray *table; /* struct slot; entry 0 is never used */
    GArray *free;  /* guint: indexes to use again */
    guint count;
    guint64 first; /* generation of a slot not used so far */
    guint64 *next; /* borrowed; above all generations given out; NULL = nobody asks */
    GDestroyNotify free_item;
};

struct slots *slots_new(GDestroyNotify free_item)
{
    struct slots *slots = g_new0(struct slots, 1);
    struct slot none = {0};
    slots->table = g_array_new(FALSE, TRUE, sizeof(struct slot));
    slots->free = g_array_new(FALSE, FALSE, sizeof(guint));
    slots->free_item = free_item;
    g_array_append_val(slots->table, none);
    return slots;
}

void slots_free(struct slots *slots)
{
    if (!slots)
        return;
    for (guint i = 1; i < slots->table->len; i++) {
        gpointer item = slots_at(slots, i);
        if (item && slots->free_item)
            slots->free_item(item);
    }
    g_array_unref(slots->table);
    g_array_unref(slots->free);
    g_free(slots);
}

void slots_begin_at(struct slots *slots, guint64 *next)
{
    slots->first = *next;
    slots->next = next;
}

static void extend(struct slots *slots, guint length)
{
    const struct slot none = {.generation = slots->first};
    while (slots->table->len < length)
        g_array_append_val(slots->table, none);
}

static void note_generation(struct slots *slots, guint64 generation)
{
    if (slots->next && *slots->next <= generation)
        *slots->next = generation + 1;
}

gboolean slots_put(struct slots *slots, guint64 id, gpointer item)
{
    guint index = slots_index(id);
    if (index == 0 || slots_at(slots, index))
        return FALSE;
    extend(slots, index + 1);
    struct slot *slot = &g_array_index(slots->table, struct slot, index);
    slot->item = item;
    slot->generation = id >> SLOTS_INDEX_BITS;
    slots->count++;
    return TRUE;
}

/* From the top, so that the lowest are used first. */
void slots_restored(struct slots *slots)
{
    g_array_set_size(slots->free, 0);
    for (guint i = slots->table->len; i-- > 1;)
        if (!slots_at(slots, i))
            g_array_append_val(slots->free, i);
}

guint64 slots_add(struct slots *slots, gpointer item)
{
    guint index;
    if (slots->free->len) {
        index = g_array_index(slots->free, guint, slots->free->len - 1);
        g_array_set_size(slots->free, slots->free->len - 1);
    } else {
        index = slots->table->len;
        extend(slots, index + 1);
    }
    struct slot *slot = &g_array_index(slots->table, struct slot, index);
    slot->item = item;
    slots->count++;
    note_generation(slots, slot->generation);
    return slot->generation << SLOTS_INDEX_BITS | index;
}

static struct slot *find(const struct slots *slots, guint64 id)
{
    guint index = slots_index(id);
    if (index == 0 || index >= slots->table->len)
        return NULL;
    struct slot *slot = &g_array_index(slots->table, struct slot, index);
    return slot->item && slot->generation == id >> SLOTS_INDEX_BITS ? slot : NULL;
}

gpointer slots_get(const struct slots *slots, guint64 id)
{
    struct slot *slot = find(slots, id);
    return slot ? slot->item : NULL;
}

void slots_remove(struct slots *slots, guint64 id)
{
    struct slot *slot = find(slots, id);
    if (!slot)
        return;
    gpointer item = g_steal_pointer(&slot->item);
    guint index = slots_index(id);
    slot->generation++;
    slots->count--;
    g_array_append_val(slots->free, index);
    if (slots->free_item)
        slots->free_item(item);
}

guint slots_high(const struct slots *slots)
{
    return slots->table->len - 1;
}

gpointer slots_at(const struct slots *slots, guint index)
{
    return index < slots->table->len ? g_array_index(slots->table, struct slot, index).item : NULL;
}

guint slots_count(const struct slots *slots)
{
    return slots->count;
}

guint slots_index(guint64 id)
{
    return (guint)(id & INDEX_MASK);
}
