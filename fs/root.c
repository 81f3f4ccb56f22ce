/* SPDX-License-Identifier: MIT
 *
 * The root directory's side of group.h.
 */
#include "fs/error.h"
#include "fs/group.h"
#include "fs/kept.h"
#include "fs/names.h"
#include "fs/service.h"

#include <errno.h>
#include <string.h>

#define GONE_AFTER 2 /* listings in a row */

/* --- the lane: groups that come and go ----------------------------------------------------- */

static struct group *next_owed(const struct fs *fs)
{
    GHashTableIter iter;
    gpointer item;
    g_hash_table_iter_init(&iter, fs->root.groups);
    while (g_hash_table_iter_next(&iter, NULL, &item)) {
        const struct group *group = item;
        if (group->visible != group_wanted(group))
            return item;
    }
    return NULL;
}

gboolean root_is_settled(const struct fs *fs)
{
    return next_owed(fs) == NULL;
}

static enum mirror_turn root_next(gpointer owner, enum mirror_op *op, char **path,
                                  gint64 *not_before)
{
    struct fs *fs = owner;
    const struct group *group = next_owed(fs);
    if (!group) {
        waiters_wake(&fs->root.settled, 0);
        return MIRROR_NOTHING;
    }
    *op = group->visible ? MIRROR_RMDIR : MIRROR_MKDIR;
    *path = g_strdup(group->shown);
    return MIRROR_ORDER;
}

static void root_done(gpointer owner, enum mirror_op op, const char *path, int error)
{
    struct group *group = group_find(owner, path);
    if (!group || error == 0 || error == EINTR)
        return;
    g_debug("announcing %s: %s", path, g_strerror(error));
    group->visible = op == MIRROR_MKDIR; /* no event can be had for it */
    kept_group(group);
}

static gboolean root_gated(gpointer owner)
{
    const struct fs *fs = owner;
    return fs->root.parked > 0;
}

static const struct mirror_lane_class root_lane = {root_next, root_done, root_gated};

/* --- life ---------------------------------------------------------------------------------- */

static void configure(struct fs *fs, const char *name)
{
    struct group *group = group_obtain(fs, name);
    if (!group)
        return;
    group->configured = TRUE;
    group->visible = TRUE;
    kept_group(group);
}

void root_init(struct fs *fs)
{
    struct root *root = &fs->root;
    root->groups = g_hash_table_new(g_str_hash, g_str_equal);
    asks_init(&root->asks);
    root->mtime_ns = version_next_mtime(0);
    mirror_lane_init(&root->lane, &root_lane, fs);
}

void root_configure(struct fs *fs)
{
    configure(fs, "DEFAULT_GROUP");
    for (char **name = fs->options->groups; name && *name; name++)
        configure(fs, *name);
}

void root_clear(struct fs *fs)
{
    struct root *root = &fs->root;
    mirror_lane_remove(fs->mirror, &root->lane);
    g_clear_pointer(&root->listing.call, naming_call_cancel);
    waiters_clear(&root->listing.waiters);
    waiters_clear(&root->settled);
    asks_clear(&root->asks);
    g_clear_pointer(&root->groups, g_hash_table_unref);
}

/* --- listings ------------------------------------------------------------------------------ */

static void take_group(struct fs *fs, const char *name)
{
    struct group *group = group_obtain(fs, name);
    if (!group)
        return;
    group->known = TRUE;
    group->missed = 0;
    kept_group(group);
    group_sync(group);
}

static void take_groups(struct fs *fs, const char *const *names)
{
    for (const char *const *name = names; *name; name++)
        take_group(fs, *name);
    for (guint i = slots_high(fs->groups); i > 0; i--) {
        struct group *group = slots_at(fs->groups, i);
        if (!group || g_strv_contains(names, group->name))
            continue;
        if (++group->missed >= GONE_AFTER)
            group->known = FALSE;
        kept_group(group);
        group_sync(group);
    }
}

/* As take_names_of_disk of group.c. */
static void take_groups_of_disk(struct fs *fs, const char *const *names)
{
    struct listing *listing = &fs->root.listing;
    listing->first = !listing->from_disk;
    listing->from_disk = TRUE;
    for (; *names; names++)
        take_group(fs, *names);
    listing->first = FALSE;
}

static void groups_done(const struct naming_result *result, const char *const *names,
                        gpointer user_data)
{
    struct fs *fs = user_data;
    struct listing *listing = &fs->root.listing;
    listing->call = NULL;
    int error = error_of_status(result->status);
    /* 3.x does not tell its groups: that is an answer, not a fault. */
    gboolean untold = result->status == NAMING_NOT_FOUND || result->status == NAMING_REMOTE;
    if (error && !untold)
        error_report(fs, result, "");
    if (!error || untold) {
        static const char *const none[] = {NULL};
        listing->done_at = g_get_monotonic_time();
        listing->first = listing->answers++ == 0 && !listing->from_disk;
        if (!error)
            take_groups(fs, names ? names : none);
        listing->first = FALSE;
        kept_root(fs);
        error = 0;
    } else if (names && !listing->answers) {
        take_groups_of_disk(fs, names);
    }
    waiters_wake(&listing->waiters, error);
}

struct waiter *root_need_listing(struct fs *fs, gint64 max_age, wait_fn fn, gpointer user_data)
{
    struct listing *listing = &fs->root.listing;
    if (listing->done_at && g_get_monotonic_time() - listing->done_at < max_age)
        return NULL;
    if (!listing->call) {
        listing->began = g_get_monotonic_time();
        listing->call = naming_groups(fs->naming, groups_done, fs);
    }
    return waiters_add(&listing->waiters, fn, user_data);
}

/* --- one group by name ------------------------------------------------------------------------ */

static void group_counted(const struct naming_result *result, guint count, gpointer user_data)
{
    struct ask *ask = user_data;
    struct fs *fs = ask->owner;
    g_autofree char *name = names_decode(ask->shown);
    int error = error_report(fs, result, ask->shown);
    if (error == EINVAL || (!error && count == 0)) /* no group, or no name that a group can have */
        error = ENOENT;
    else if (count) /* the disk has services of it, if no server answers */
        error = 0;
    if (!error)
        take_group(fs, name);
    ask_end(ask, error);
}

struct waiter *root_need_group(struct fs *fs, const char *shown, wait_fn fn, gpointer user_data,
                               int *error)
{
    g_autofree char *name = names_decode(shown);
    *error = !name || asks_is_absent(&fs->root.asks, shown) ? ENOENT : 0;
    if (*error)
        return NULL;
    struct ask *ask = asks_pending(&fs->root.asks, shown);
    if (!ask) {
        ask = asks_begin(&fs->root.asks, shown, fs);
        ask->call = naming_group_count(fs->naming, name, group_counted, ask);
    }
    return waiters_add(&ask->waiters, fn, user_data);
}
