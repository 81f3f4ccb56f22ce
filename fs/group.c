/* SPDX-License-Identifier: MIT */
#include "fs/group.h"

#include "fs/error.h"
#include "fs/kept.h"
#include "fs/names.h"
#include "fs/service.h"
#include "fs/tree.h"

#include <errno.h>
#include <string.h>

#define GONE_AFTER 2 /* complete listings in a row */

/* --- the lane: services that come and go --------------------------------------------------- */

static struct service *next_owed(const struct group *group)
{
    GHashTableIter iter;
    gpointer item;
    g_hash_table_iter_init(&iter, group->services);
    while (g_hash_table_iter_next(&iter, NULL, &item)) {
        const struct service *service = item;
        if (service->visible != service_wanted(service))
            return item;
    }
    return NULL;
}

gboolean group_is_settled(const struct group *group)
{
    return next_owed(group) == NULL;
}

static enum mirror_turn group_next(gpointer owner, enum mirror_op *op, char **path,
                                   gint64 *not_before)
{
    struct group *group = owner;
    const struct service *service = next_owed(group);
    if (!service) {
        waiters_wake(&group->settled, 0);
        return MIRROR_NOTHING;
    }
    *op = service->visible ? MIRROR_RMDIR : MIRROR_MKDIR;
    *path = g_strdup(service->path);
    return MIRROR_ORDER;
}

static void group_done(gpointer owner, enum mirror_op op, const char *path, int error)
{
    struct group *group = owner;
    struct service *service = g_hash_table_lookup(group->services, strrchr(path, '/') + 1);
    if (!service || error == 0 || error == EINTR)
        return;
    g_debug("announcing %s: %s", path, g_strerror(error));
    service->visible = op == MIRROR_MKDIR; /* no event can be had for it */
    kept_service(service);
}

static gboolean group_gated(gpointer owner)
{
    const struct group *group = owner;
    return group->parked > 0;
}

static const struct mirror_lane_class group_lane = {group_next, group_done, group_gated};

/* --- life ---------------------------------------------------------------------------------- */

static struct group *group_new(struct fs *fs, const char *name)
{
    struct group *group = g_new0(struct group, 1);
    group->fs = fs;
    group->name = g_strdup(name);
    group->shown = names_encode(name);
    group->services = g_hash_table_new(g_str_hash, g_str_equal);
    asks_init(&group->asks);
    group->mtime_ns = version_next_mtime(0);
    mirror_lane_init(&group->lane, &group_lane, group);
    return group;
}

struct group *group_obtain(struct fs *fs, const char *name)
{
    g_autofree char *shown = names_encode(name);
    struct group *group = shown ? group_find(fs, shown) : NULL;
    if (!shown || group)
        return group;
    group = group_new(fs, name);
    group->id = slots_add(fs->groups, group);
    g_hash_table_insert(fs->root.groups, group->shown, group);
    kept_group(group);
    return group;
}

struct group *group_restore(struct fs *fs, guint64 id, const char *name)
{
    struct group *group = group_new(fs, name);
    group->id = id;
    if (group->shown && !group_find(fs, group->shown) && slots_put(fs->groups, id, group)) {
        g_hash_table_insert(fs->root.groups, group->shown, group);
        return group;
    }
    group_free(group);
    return NULL;
}

void group_free(gpointer item)
{
    struct group *group = item;
    kept_drop(group->fs, &group->kept);
    mirror_lane_remove(group->fs->mirror, &group->lane);
    g_clear_pointer(&group->listing.call, naming_call_cancel);
    waiters_clear(&group->listing.waiters);
    waiters_clear(&group->settled);
    asks_clear(&group->asks);
    g_hash_table_unref(group->services);
    g_free(group->name);
    g_free(group->shown);
    g_free(group);
}

struct group *group_get(const struct fs *fs, guint64 id)
{
    return slots_get(fs->groups, id);
}

struct group *group_find(const struct fs *fs, const char *shown)
{
    return g_hash_table_lookup(fs->root.groups, shown);
}

struct service *group_service(const struct group *group, const char *shown)
{
    struct service *service = g_hash_table_lookup(group->services, shown);
    if (service)
        service_wake(service);
    return service;
}

static gboolean has_services(const struct group *group)
{
    GHashTableIter iter;
    gpointer item;
    g_hash_table_iter_init(&iter, group->services);
    while (g_hash_table_iter_next(&iter, NULL, &item))
        if (((struct service *)item)->visible)
            return TRUE;
    return FALSE;
}

gboolean group_wanted(const struct group *group)
{
    return group->configured || group->known || group->pinned || group->held || group->parked ||
           has_services(group);
}

void group_sync(struct group *group)
{
    struct root *root = &group->fs->root;
    if (group->visible == group_wanted(group))
        return;
    if (!root->listing.first) {
        mirror_mark(group->fs->mirror, &root->lane);
        return;
    }
    group->visible = !group->visible;
    root->mtime_ns = version_next_mtime(root->mtime_ns);
    kept_group(group);
    kept_root(group->fs);
}

gboolean group_is_idle(const struct group *group)
{
    return !group->visible && !group_wanted(group) && !waiters_any(&group->listing.waiters) &&
           g_hash_table_size(group->services) == 0;
}

/* --- listings ------------------------------------------------------------------------------ */

static struct service *take_name(struct group *group, const char *name)
{
    g_autofree char *shown = names_encode(name);
    if (!shown)
        return NULL;
    struct service *service = g_hash_table_lookup(group->services, shown);
    if (!service)
        service = service_new(group, name);
    service->known = TRUE;
    service->missed = 0;
    kept_service(service);
    service_sync(service);
    return service;
}

static void take_names(struct group *group, const char *const *names)
{
    g_autoptr(GHashTable) listed = g_hash_table_new(g_direct_hash, g_direct_equal);
    for (; *names; names++) {
        struct service *service = take_name(group, *names);
        if (service)
            g_hash_table_add(listed, service);
    }
    for (guint i = slots_high(group->fs->services); i > 0; i--) {
        struct service *service = slots_at(group->fs->services, i);
        if (!service || service->group != group || g_hash_table_contains(listed, service))
            continue;
        if (++service->missed >= GONE_AFTER) {
            service->known = FALSE;
            if (!service->held) /* else it would come back for those who still stand in it */
                service->hidden = FALSE;
            kept_service(service);
        }
        service_sync(service);
    }
    group->missed = g_hash_table_size(listed) ? 0 : group->missed + 1;
    group->known = g_hash_table_size(listed) || (group->known && group->missed < GONE_AFTER);
}

/* No server has ever answered: there may be more, and nothing is gone. */
static void take_names_of_disk(struct group *group, const char *const *names)
{
    group->listing.first = !group->listing.from_disk;
    group->listing.from_disk = TRUE;
    for (; *names; names++)
        take_name(group, *names);
    group->listing.first = FALSE;
    kept_group(group);
    group_sync(group);
}

static void listing_done(const struct naming_result *result, const char *const *names,
                         gpointer user_data)
{
    struct group *group = user_data;
    group->listing.call = NULL;
    int error = error_report(group->fs, result, group->shown);
    if (!error) {
        group->listing.done_at = g_get_monotonic_time();
        group->listing.asked = group->listing.began;
        group->listing.first = group->listing.answers++ == 0 && !group->listing.from_disk;
        take_names(group, names);
        group->listing.first = FALSE;
        kept_group(group);
        group_sync(group);
    } else if (names && !group->listing.answers) {
        take_names_of_disk(group, names);
    }
    waiters_wake(&group->listing.waiters, error);
}

struct waiter *group_need_listing(struct group *group, gint64 max_age, wait_fn fn,
                                  gpointer user_data)
{
    struct listing *listing = &group->listing;
    if (listing->done_at && g_get_monotonic_time() - listing->done_at < max_age)
        return NULL;
    if (!listing->call) {
        listing->began = g_get_monotonic_time();
        listing->call = naming_services(group->fs->naming, group->name, listing_done, group);
    }
    return waiters_add(&listing->waiters, fn, user_data);
}

/* --- one service by name ---------------------------------------------------------------------- */

static void service_listed(const struct naming_result *result, struct service_info *info,
                           gpointer user_data)
{
    struct ask *ask = user_data;
    struct group *group = ask->owner;
    g_autofree char *name = names_decode(ask->shown);
    /* An empty list or a refusal proves nothing: the listing's word counts. */
    int error = info && info->n_hosts ? 0 : ENOENT;
    if (!error) {
        struct service *service = g_hash_table_lookup(group->services, ask->shown);
        if (!service)
            service = service_new(group, name);
        service->known = TRUE;
        service->missed = 0;
        kept_service(service);
        service_sync(service);
    }
    ask_end(ask, error);
}

struct waiter *group_need_service(struct group *group, const char *shown, gint64 since, wait_fn fn,
                                  gpointer user_data)
{
    g_autofree char *name = names_decode(shown);
    struct ask *ask = asks_pending(&group->asks, shown);
    if (!name || group->listing.asked >= since || asks_is_absent(&group->asks, shown))
        return NULL;
    if (!ask) {
        const struct service_key key = {.group = group->name, .name = name};
        ask = asks_begin(&group->asks, shown, group);
        ask->call = naming_list(group->fs->naming, &key, service_listed, ask);
    }
    return waiters_add(&ask->waiters, fn, user_data);
}

static void primed(gpointer user_data, int error)
{
}

void group_prime(struct group *group)
{
    if (!group->listing.answers && !group->listing.call)
        group_need_listing(group, LISTING_FRESH, primed, NULL);
}
