/* SPDX-License-Identifier: MIT */
#include "fs/ask.h"

#include <errno.h>

static void ask_free(gpointer item)
{
    struct ask *ask = item;
    g_clear_pointer(&ask->call, naming_call_cancel);
    waiters_clear(&ask->waiters);
    g_free(ask->shown);
    g_free(ask);
}

void asks_init(struct asks *asks)
{
    asks->pending = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, ask_free);
    asks->absent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void asks_clear(struct asks *asks)
{
    g_clear_pointer(&asks->pending, g_hash_table_unref);
    g_clear_pointer(&asks->absent, g_hash_table_unref);
}

static gboolean is_old(gpointer shown, gpointer since, gpointer unused)
{
    return g_get_monotonic_time() - *(const gint64 *)since >= ASK_ABSENT_FOR;
}

gboolean asks_is_absent(const struct asks *asks, const char *shown)
{
    gpointer since = g_hash_table_lookup(asks->absent, shown);
    return since && !is_old(NULL, since, NULL);
}

static void note_absent(struct asks *asks, const char *shown)
{
    gint64 now = g_get_monotonic_time();
    g_hash_table_foreach_remove(asks->absent, is_old, NULL);
    g_hash_table_insert(asks->absent, g_strdup(shown), g_memdup2(&now, sizeof now));
}

struct ask *asks_pending(const struct asks *asks, const char *shown)
{
    return g_hash_table_lookup(asks->pending, shown);
}

struct ask *asks_begin(struct asks *asks, const char *shown, gpointer owner)
{
    struct ask *ask = g_new0(struct ask, 1);
    ask->asks = asks;
    ask->owner = owner;
    ask->shown = g_strdup(shown);
    g_hash_table_insert(asks->pending, ask->shown, ask);
    return ask;
}

void ask_end(struct ask *ask, int error)
{
    ask->call = NULL;
    if (error == ENOENT)
        note_absent(ask->asks, ask->shown);
    g_hash_table_steal(ask->asks->pending, ask->shown);
    waiters_wake(&ask->waiters, error);
    ask_free(ask);
}
