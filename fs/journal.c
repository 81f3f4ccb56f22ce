/* SPDX-License-Identifier: MIT */
#include "fs/journal.h"

#include "fs/pack.h"

#define ORPHAN (G_GUINT64_CONSTANT(1) << 62) /* the kernel counts from 2 in steps of 2 */
#define DONE 0x100

struct journal {
    struct state *state;
    GHashTable *entries; /* unique -> struct journal_entry, owned */
    guint64 last_orphan;
};

static void entry_free(gpointer data)
{
    struct journal_entry *entry = data;
    instance_clear(&entry->instance);
    g_free(entry);
}

static struct journal_entry *find(const struct journal *journal, guint64 unique)
{
    return g_hash_table_lookup(journal->entries, &unique);
}

/* Of two records of one request the later line counts: the daemon died between making the new one
 * and removing the old one. */
static void load(struct journal *journal, struct record *record)
{
    struct journal_entry *before = find(journal, record->id);
    if (before && before->at > record->words[3]) {
        state_remove(journal->state, record);
        return;
    }
    if (before)
        state_remove(journal->state, before->record);
    struct journal_entry *entry = g_new0(struct journal_entry, 1);
    gsize length;
    g_autofree char *bytes = state_get_bytes(journal->state, record, &length);
    entry->unique = record->id;
    entry->service = record->words[0];
    entry->kind = record->words[1] & ~(guint64)DONE;
    entry->done = (record->words[1] & DONE) != 0;
    entry->result = (int)record->words[2];
    entry->at = record->words[3];
    entry->record = record;
    entry->old = TRUE;
    if (length)
        unpack_instance(bytes, length, &entry->instance);
    g_hash_table_replace(journal->entries, &entry->unique, entry);
    if (journal_is_orphan(entry->unique))
        journal->last_orphan = MAX(journal->last_orphan, entry->unique);
}

struct journal *journal_new(struct state *state)
{
    struct journal *journal = g_new0(struct journal, 1);
    journal->state = state;
    journal->last_orphan = ORPHAN;
    journal->entries = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, entry_free);
    for (guint i = 0; i < state_found_count(state, RECORD_OPERATION); i++) {
        struct record *record = state_found(state, RECORD_OPERATION, i);
        if (record)
            load(journal, record);
    }
    return journal;
}

void journal_free(struct journal *journal)
{
    if (!journal)
        return;
    g_hash_table_unref(journal->entries);
    g_free(journal);
}

const struct journal_entry *journal_claim(struct journal *journal, guint64 unique)
{
    struct journal_entry *entry = find(journal, unique);
    if (entry)
        entry->old = FALSE;
    return entry;
}

gboolean journal_has(const struct journal *journal, guint64 unique)
{
    return find(journal, unique) != NULL;
}

static struct record *write_down(struct journal *journal, const struct journal_entry *entry)
{
    const guint64 words[STATE_WORDS] = {entry->service, entry->kind, 0, entry->at};
    if (!entry->instance.ip)
        return state_add(journal->state, RECORD_OPERATION, entry->unique, words, NULL, 0);
    g_autoptr(GBytes) bytes = pack_instance(&entry->instance);
    return state_add(journal->state, RECORD_OPERATION, entry->unique, words,
                     g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

void journal_ask(struct journal *journal, const struct journal_entry *like)
{
    struct journal_entry *before = find(journal, like->unique);
    struct journal_entry *entry = g_new0(struct journal_entry, 1);
    *entry = *like;
    entry->instance = (struct instance){0};
    if (like->instance.ip)
        instance_copy(&entry->instance, &like->instance);
    entry->done = FALSE;
    entry->old = FALSE;
    entry->record = write_down(journal, entry);
    if (before)
        state_remove(journal->state, before->record);
    g_hash_table_replace(journal->entries, &entry->unique, entry);
}

void journal_done(struct journal *journal, guint64 unique, int result)
{
    struct journal_entry *entry = find(journal, unique);
    if (!entry)
        return;
    entry->done = TRUE;
    entry->result = result;
    state_set_word(entry->record, 2, (guint64)result);
    state_set_word(entry->record, 1, entry->kind | DONE);
}

void journal_forget(struct journal *journal, guint64 unique)
{
    struct journal_entry *entry = find(journal, unique);
    if (!entry)
        return;
    state_remove(journal->state, entry->record);
    g_hash_table_remove(journal->entries, &unique);
}

guint64 journal_orphan(struct journal *journal)
{
    return ++journal->last_orphan;
}

gboolean journal_is_orphan(guint64 unique)
{
    return (unique & ORPHAN) != 0;
}

gboolean journal_take_left(struct journal *journal, struct journal_entry *taken)
{
    GHashTableIter iter;
    gpointer item;
    g_hash_table_iter_init(&iter, journal->entries);
    while (g_hash_table_iter_next(&iter, NULL, &item)) {
        struct journal_entry *entry = item;
        if (!entry->old)
            continue;
        *taken = *entry;
        entry->instance = (struct instance){0};
        journal_forget(journal, taken->unique);
        return TRUE;
    }
    return FALSE;
}
