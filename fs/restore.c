/* SPDX-License-Identifier: MIT */
#include "fs/restore_private.h"

#include "fs/events.h"
#include "fs/group.h"
#include "fs/handle.h"
#include "fs/handle_state.h"
#include "fs/pack.h"
#include "fs/pollers.h"
#include "fs/registered.h"
#include "fs/service.h"
#include "fs/snapshots.h"
#include "fs/tree.h"

#include <string.h>

/* --- the walk ------------------------------------------------------------------------------ */

void restore_each(struct fs *fs, enum record_type type, restore_fn restore)
{
    for (guint i = 0; i < state_found_count(fs->state, type); i++) {
        struct record *record = state_found(fs->state, type, i);
        if (record && !restore(fs, record))
            state_remove(fs->state, record);
    }
}

/* --- registrations ------------------------------------------------------------------------- */

static gboolean restore_registration(struct fs *fs, struct record *record)
{
    struct service *service = service_get(fs, record->words[0]);
    gsize length;
    g_autofree char *bytes = state_get_bytes(fs->state, record, &length);
    struct registered *own = g_new0(struct registered, 1);
    own->id = record->id;
    own->kept = record;
    own->service = record->words[0];
    own->since_ms = (gint64)record->words[1];
    own->ending = (gint64)record->words[2];
    own->beat_due = (gint64)record->words[3];
    own->lease = record->words[4];
    if (!service || !unpack_instance(bytes, length, &own->instance) ||
        !slots_put(fs->registrations, own->id, own)) {
        registered_free(own);
        return FALSE;
    }
    g_ptr_array_add(service->registrations, own);
    if (own->instance.ephemeral && !own->ending)
        naming_adopt(fs->naming, &service->key, &own->instance, own->beat_due);
    return TRUE;
}

/* --- nodes --------------------------------------------------------------------------------- */

static void find_files(const struct fs *fs)
{
    for (guint i = tree_high(fs->tree); i > 0; i--) {
        struct node *node = tree_at(fs->tree, i);
        if (node && node->kind == NODE_SERVICE_FILE)
            node->file = layout_find(LAYOUT_SERVICE, node->name);
        else if (node && node->kind == NODE_CLUSTER_FILE)
            node->file = layout_find(LAYOUT_SERVICE, strrchr(node->name, '/') + 1);
        else if (node && node->kind == NODE_DOT_FILE)
            node->file = layout_find(LAYOUT_DOT, node->name);
    }
}

/* --- open files ---------------------------------------------------------------------------- */

static void resume_handle(struct handle *handle, const struct record *record)
{
    struct service *service = service_get(handle->fs, handle->service);
    gsize length;
    g_autofree char *bytes = state_get_bytes(handle->fs->state, record, &length);
    if (handle->interested && service)
        service->handles++;
    if (handle->stream)
        events_open(handle);
    if (length)
        handle_state_unpack(handle, bytes, length);
    if (handle->poll_kh)
        pollers_keep(handle);
}

static gboolean restore_handle(struct fs *fs, struct record *record)
{
    const struct node *node = tree_get(fs->tree, record->words[0]);
    GBytes *bytes = snapshots_reopen(fs->snapshots, record->words[2]);
    struct handle *handle = node ? handle_restore(fs, record->id, node, bytes) : NULL;
    if (!handle) {
        snapshots_release(fs->snapshots, record->words[2]);
        if (!node)
            g_bytes_unref(bytes);
        return FALSE;
    }
    handle->kept = record;
    handle->unique = record->words[1];
    handle->snapshot = record->words[2];
    handle->interested = restore_has(record, 3, KEPT_INTERESTED);
    handle->created = restore_has(record, 3, KEPT_CREATED);
    handle->wrote = restore_has(record, 3, KEPT_WROTE);
    handle->polled = restore_has(record, 3, KEPT_POLLED);
    handle->poll_kh = record->words[4];
    handle->seen_ns = (gint64)record->words[5];
    resume_handle(handle, record);
    g_hash_table_insert(fs->reopened, &handle->unique, &handle->id);
    return TRUE;
}

/* --- all of it ----------------------------------------------------------------------------- */

static gboolean drop_record(struct fs *fs, struct record *record)
{
    return FALSE;
}

void restore_forget_kernel(struct fs *fs)
{
    static const enum record_type types[] = {RECORD_NODE,      RECORD_HANDLE, RECORD_SNAPSHOT,
                                             RECORD_OPERATION, RECORD_EVENT,  RECORD_INIT};
    for (guint i = 0; i < G_N_ELEMENTS(types); i++)
        restore_each(fs, types[i], drop_record);
    state_shared(fs->state)->remounted = 0;
}

/* Everything that came in between is found as any change is: by what is served now and what was
 * served then. */
void restore_resume(struct fs *fs)
{
    for (guint i = slots_high(fs->groups); i > 0; i--) {
        struct group *group = slots_at(fs->groups, i);
        if (group)
            group_sync(group);
    }
    restore_wake(fs);
    pollers_wake(&fs->pollers);
}

static void restore_tables(struct fs *fs)
{
    restore_shown(fs);
    restore_each(fs, RECORD_REGISTRATION, restore_registration);
    slots_restored(fs->registrations);
}

static void restore_files(struct fs *fs)
{
    fs->reopened = g_hash_table_new(g_int64_hash, g_int64_equal);
    events_restore(fs);
    restore_each(fs, RECORD_HANDLE, restore_handle);
    slots_restored(fs->handles);
    events_restored(fs);
    snapshots_drop_unheld(fs->snapshots);
}

void restore_model(struct fs *fs)
{
    mirror_hold(fs->mirror, TRUE);
    restore_tables(fs);
    find_files(fs);
    restore_files(fs);
    restore_helpers(fs);
}

void restore_end(struct fs *fs)
{
    g_clear_handle_id(&fs->wake_timer, g_source_remove);
    g_clear_pointer(&fs->old_helpers, g_hash_table_unref);
    g_clear_pointer(&fs->reopened, g_hash_table_unref);
}
