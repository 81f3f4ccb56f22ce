/* SPDX-License-Identifier: MIT */
#include "fs/restore_private.h"

#include "fs/journal.h"
#include "fs/kept.h"
#include "fs/registered.h"
#include "fs/service.h"
#include "fs/session.h"

#include <errno.h>
#include <signal.h>

#define OLD_HELPERS_MS 2000 /* for that long calls of a dead daemon's helpers may still come */

/* --- helpers ------------------------------------------------------------------------------- */

static gboolean restore_helper(struct fs *fs, struct record *record)
{
    if (kill((pid_t)record->id, 0) && errno == ESRCH)
        return FALSE;
    g_hash_table_add(fs->old_helpers, GINT_TO_POINTER((int)record->id));
    return TRUE;
}

static gboolean forget_helper(struct fs *fs, struct record *record)
{
    return !g_hash_table_contains(fs->old_helpers, GINT_TO_POINTER((int)record->id)) ||
           mirror_is_helper(fs->mirror, (pid_t)record->id);
}

static gboolean forget_helpers(gpointer user_data)
{
    struct fs *fs = user_data;
    restore_each(fs, RECORD_HELPER, forget_helper);
    g_clear_pointer(&fs->old_helpers, g_hash_table_unref);
    return G_SOURCE_REMOVE;
}

static void note_helper(pid_t pid, gboolean alive, gpointer user_data)
{
    kept_helper(user_data, pid, alive);
}

void restore_helpers(struct fs *fs)
{
    fs->old_helpers = g_hash_table_new(g_direct_hash, g_direct_equal);
    restore_each(fs, RECORD_HELPER, restore_helper);
    g_timeout_add(OLD_HELPERS_MS, forget_helpers, fs);
    mirror_note_helpers(fs->mirror, note_helper, fs);
}

/* --- requests that come again -------------------------------------------------------------- */

int restore_judge(const struct session_request *request, gpointer user_data)
{
    const struct fs *fs = user_data;
    if (!fs->old_helpers ||
        !g_hash_table_contains(fs->old_helpers, GINT_TO_POINTER((int)request->pid)) ||
        mirror_is_helper(fs->mirror, request->pid))
        return 0;
    gboolean known = journal_has(fs->journal, request->unique) ||
                     (fs->reopened && g_hash_table_contains(fs->reopened, &request->unique));
    return known ? 0 : EINTR; /* our own helpers do it */
}

static void ended(gpointer user_data, int error)
{
}

/* A register whose caller does not ask again was interrupted, or its file was closed. */
static void finish(struct fs *fs, const struct journal_entry *entry)
{
    struct service *service = service_get(fs, entry->service);
    const struct asker nobody = {0};
    if (!service || entry->done || entry->kind == JOURNAL_NAME || entry->kind == JOURNAL_UPDATE)
        return;
    if (entry->kind == JOURNAL_PUT && journal_is_orphan(entry->unique))
        registered_put(service, nobody, &entry->instance, ended, NULL);
    else if (entry->kind == JOURNAL_DROP || !registered_find(service, &entry->instance))
        registered_drop(service, nobody, &entry->instance, ended, NULL);
}

void restore_resent(gpointer user_data)
{
    struct fs *fs = user_data;
    struct journal_entry entry;
    while (journal_take_left(fs->journal, &entry)) {
        finish(fs, &entry);
        instance_clear(&entry.instance);
    }
    g_clear_pointer(&fs->reopened, g_hash_table_unref);
    mirror_hold(fs->mirror, FALSE);
}
