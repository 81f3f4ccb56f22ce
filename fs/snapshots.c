/* SPDX-License-Identifier: MIT */
#include "fs/snapshots.h"

struct snapshot {
    guint64 id;
    guint held;
    GBytes *bytes; /* NULL until somebody wants them */
    struct record *record;
};

struct snapshots {
    struct state *state;
    GHashTable *by_id;    /* owned */
    GHashTable *by_bytes; /* GBytes -> struct snapshot, the pointer is the key */
    guint64 last;
};

static void snapshot_free(gpointer data)
{
    struct snapshot *snapshot = data;
    g_clear_pointer(&snapshot->bytes, g_bytes_unref);
    g_free(snapshot);
}

static struct snapshot *add(struct snapshots *snapshots, guint64 id, struct record *record)
{
    struct snapshot *snapshot = g_new0(struct snapshot, 1);
    snapshot->id = id;
    snapshot->record = record;
    snapshots->last = MAX(snapshots->last, id);
    g_hash_table_replace(snapshots->by_id, &snapshot->id, snapshot);
    return snapshot;
}

struct snapshots *snapshots_new(struct state *state)
{
    struct snapshots *snapshots = g_new0(struct snapshots, 1);
    snapshots->state = state;
    snapshots->by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, snapshot_free);
    snapshots->by_bytes = g_hash_table_new(g_direct_hash, g_direct_equal);
    for (guint i = 0; i < state_found_count(state, RECORD_SNAPSHOT); i++) {
        struct record *record = state_found(state, RECORD_SNAPSHOT, i);
        if (record)
            add(snapshots, record->id, record);
    }
    return snapshots;
}

void snapshots_free(struct snapshots *snapshots)
{
    if (!snapshots)
        return;
    g_hash_table_unref(snapshots->by_bytes);
    g_hash_table_unref(snapshots->by_id);
    g_free(snapshots);
}

guint64 snapshots_hold(struct snapshots *snapshots, GBytes *bytes)
{
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    struct snapshot *snapshot = g_hash_table_lookup(snapshots->by_bytes, bytes);
    if (length == 0)
        return 0;
    if (!snapshot) {
        guint64 id = snapshots->last + 1;
        snapshot = add(snapshots, id,
                       state_add(snapshots->state, RECORD_SNAPSHOT, id, NULL, data, length));
        snapshot->bytes = g_bytes_ref(bytes);
        g_hash_table_insert(snapshots->by_bytes, bytes, snapshot);
    }
    snapshot->held++;
    return snapshot->id;
}

static void drop(struct snapshots *snapshots, struct snapshot *snapshot)
{
    state_remove(snapshots->state, snapshot->record);
    if (snapshot->bytes)
        g_hash_table_remove(snapshots->by_bytes, snapshot->bytes);
    g_hash_table_remove(snapshots->by_id, &snapshot->id);
}

void snapshots_release(struct snapshots *snapshots, guint64 id)
{
    struct snapshot *snapshot = g_hash_table_lookup(snapshots->by_id, &id);
    if (snapshot && --snapshot->held == 0)
        drop(snapshots, snapshot);
}

GBytes *snapshots_reopen(struct snapshots *snapshots, guint64 id)
{
    struct snapshot *snapshot = g_hash_table_lookup(snapshots->by_id, &id);
    gsize length;
    if (!snapshot)
        return g_bytes_new_static("", 0);
    if (!snapshot->bytes) {
        char *data = state_get_bytes(snapshots->state, snapshot->record, &length);
        snapshot->bytes = g_bytes_new_take(data, length);
        g_hash_table_insert(snapshots->by_bytes, snapshot->bytes, snapshot);
    }
    snapshot->held++;
    return g_bytes_ref(snapshot->bytes);
}

static gboolean drop_if_unheld(gpointer key, gpointer value, gpointer user_data)
{
    struct snapshots *snapshots = user_data;
    struct snapshot *snapshot = value;
    if (snapshot->held)
        return FALSE;
    state_remove(snapshots->state, snapshot->record);
    return TRUE;
}

void snapshots_drop_unheld(struct snapshots *snapshots)
{
    g_hash_table_foreach_remove(snapshots->by_id, drop_if_unheld, snapshots);
}
