/* SPDX-License-Identifier: MIT */
#include "fs/watches.h"

#include "fs/mountinfo.h"
#include "fs/tree.h"
#include "fs/watch_scan.h"

#include <gio/gio.h>

#define ROUND_MS 5000
#define HURRY_MS 1000
#define SHARE 50 /* a round is followed by at least so many times its length without one */

struct watches {
    char *mountpoint;
    guint64 device;          /* the mount's; 0 = not known yet */
    struct watch_scan *scan; /* the last one; NULL before the first */
    guint rounds;
    gboolean hurried; /* a round is to begin that has not */
    gboolean running; /* a thread has one */
    gboolean freed;   /* while a thread had one: its end frees the rest */
    guint source;     /* of the next one; 0 while one is running */
};

static void scan_in_thread(GTask *task, gpointer source, gpointer device, GCancellable *cancellable)
{
    g_task_return_pointer(task, watch_scan_new(*(const guint64 *)device),
                          (GDestroyNotify)watch_scan_free);
}

static gboolean begin_round(gpointer user_data);

static void plan_round(struct watches *watches)
{
    gint64 rest_ms = watches->scan ? watches->scan->took_us * SHARE / 1000 : 0;
    gint64 wait_ms = watches->hurried ? HURRY_MS : ROUND_MS;
    watches->source = g_timeout_add((guint)MAX(rest_ms, wait_ms), begin_round, watches);
}

static void end(struct watches *watches)
{
    watch_scan_free(watches->scan);
    g_free(watches->mountpoint);
    g_free(watches);
}

static void round_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    struct watches *watches = user_data;
    watches->running = FALSE;
    watch_scan_free(watches->scan);
    watches->scan = g_task_propagate_pointer(G_TASK(result), NULL);
    if (watches->freed) {
        end(watches);
        return;
    }
    watches->rounds++;
    plan_round(watches);
}

static gboolean begin_round(gpointer user_data)
{
    struct watches *watches = user_data;
    g_autofree char *type = NULL;
    if (!watches->device && !mountinfo_at(watches->mountpoint, &type, &watches->device))
        return G_SOURCE_CONTINUE;
    watches->source = 0;
    watches->hurried = FALSE;
    watches->running = TRUE;
    g_autoptr(GTask) task = g_task_new(NULL, NULL, round_done, watches);
    g_task_set_task_data(task, g_memdup2(&watches->device, sizeof watches->device), g_free);
    g_task_run_in_thread(task, scan_in_thread);
    return G_SOURCE_REMOVE;
}

void watches_hurry(struct watches *watches)
{
    gboolean waiting = watches->rounds && !watches->running;
    if (watches->hurried)
        return;
    watches->hurried = TRUE;
    if (waiting) {
        g_source_remove(watches->source);
        plan_round(watches);
    }
}

struct watches *watches_new(const char *mountpoint)
{
    struct watches *watches = g_new0(struct watches, 1);
    watches->mountpoint = g_strdup(mountpoint);
    watches->source = g_timeout_add(HURRY_MS, begin_round, watches);
    return watches;
}

void watches_free(struct watches *watches)
{
    if (!watches)
        return;
    g_clear_handle_id(&watches->source, g_source_remove);
    watches->freed = TRUE;
    if (!watches->running)
        end(watches);
}

guint watches_rounds(const struct watches *watches)
{
    return watches->rounds;
}

gboolean watches_are_complete(const struct watches *watches)
{
    return watches->scan && watches->scan->complete;
}

gboolean watches_node(const struct watches *watches, guint64 id)
{
    return watches->scan && g_hash_table_contains(watches->scan->ids, &id);
}

gboolean watches_root(const struct watches *watches)
{
    return watches->rounds && (!watches_are_complete(watches) || watches_node(watches, TREE_ROOT));
}
