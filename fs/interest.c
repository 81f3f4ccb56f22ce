/* SPDX-License-Identifier: MIT */
#include "fs/interest.h"

#include "fs/freshness.h"
#include "fs/group.h"
#include "fs/kept.h"
#include "fs/node_use.h"
#include "fs/registered.h"
#include "fs/render_dir.h"
#include "fs/restore.h"
#include "fs/service.h"
#include "fs/tree.h"
#include "fs/trim.h"

#define TICK_MS 250
#define PROVEN_WITHIN G_USEC_PER_SEC /* us in which a node's use is found out */

struct interest {
    struct fs *fs;
    guint timer; /* source id */
    struct trim trim;
};

/* --- services ------------------------------------------------------------------------------ */

gboolean interest_is_lately_opened(const struct service *service, gint64 now)
{
    gint64 idle = service->fs->options->idle_timeout_s * G_USEC_PER_SEC;
    return service->handles || (service->opened && now - service->opened < idle);
}

/* Nobody looks any more, or it is not known yet whether somebody watches: until then a service is
 * kept, or its list would come back as news to those who do. */
static gboolean may_be_used(const struct service *service, gint64 now)
{
    return interest_is_lately_opened(service, now - PROVEN_WITHIN) || service->watched ||
           renderings_are_followed(service);
}

static void subscribe(struct service *service)
{
    if (service->subscribed)
        return;
    service->subscribed = TRUE;
    kept_service(service);
    naming_subscribe(service->fs->naming, &service->key);
}

void interest_opened(struct service *service)
{
    service->opened = g_get_monotonic_time();
    kept_service(service);
    subscribe(service);
}

static void unsubscribe(struct service *service)
{
    g_debug("%s: nobody cares any more", service->path);
    service->subscribed = FALSE;
    kept_service(service);
    naming_unsubscribe(service->fs->naming, &service->key);
    service->list_until = 0;
    kept_list_until(service);
}

/* Somebody may have hosts/ or clusters/ open or be about to watch it: what it was told must not
 * vanish without a word. */
static gboolean is_listed(const struct service *service)
{
    return service->clusters.held ||
           tree_find(service->fs->tree, NODE_HOSTS, service->id, LAYOUT_HOSTS) != NULL;
}

static void tick_service(struct service *service, gint64 now)
{
    gboolean cares = may_be_used(service, now) || (service->pinned && service->held);
    if (cares)
        subscribe(service);
    else if (service->subscribed && !waiters_any(&service->waiters))
        unsubscribe(service);
    if (!service->subscribed && service->list && service->list_until < now && !is_listed(service))
        service_drop_list(service);
    if (!service->view)
        renderings_forget(service);
    clusters_tick(&service->clusters);
    service_sync(service);
}

static void tick_services(struct fs *fs, gint64 now)
{
    for (guint i = slots_high(fs->services); i > 0; i--) {
        struct service *service = slots_at(fs->services, i);
        if (!service)
            continue;
        tick_service(service, now);
        if (!service_is_idle(service))
            continue;
        g_hash_table_remove(service->group->services, service->shown);
        slots_remove(fs->services, service->id);
    }
}

/* --- groups -------------------------------------------------------------------------------- */

static void listed(gpointer user_data, int error)
{
}

/* Time to ask for a watched directory's listing again, also after one that failed. */
static gboolean is_due(const struct listing *listing)
{
    return !listing->call && g_get_monotonic_time() - listing->began >= LISTING_WATCHED;
}

static void tick_groups(struct fs *fs)
{
    for (guint i = slots_high(fs->groups); i > 0; i--) {
        struct group *group = slots_at(fs->groups, i);
        if (!group)
            continue;
        if (group->watched && is_due(&group->listing))
            group_need_listing(group, LISTING_WATCHED, listed, NULL);
        group_sync(group);
        if (waiters_any(&group->settled)) /* it may have settled without a turn of the lane */
            mirror_mark(fs->mirror, &group->lane);
        if (!group_is_idle(group))
            continue;
        g_hash_table_remove(fs->root.groups, group->shown);
        slots_remove(fs->groups, group->id);
    }
    if (waiters_any(&fs->root.settled))
        mirror_mark(fs->mirror, &fs->root.lane);
    if (node_use_root(fs->node_use) && is_due(&fs->root.listing))
        root_need_listing(fs, LISTING_WATCHED, listed, NULL);
    if (render_is_watched(fs))
        render_need_listings(fs, LISTING_WATCHED, listed, NULL);
}

/* --- all of it ---------------------------------------------------------------------------------
 */

static gboolean tick(gpointer user_data)
{
    struct interest *interest = user_data;
    gint64 now = g_get_monotonic_time();
    if (restore_is_waking(interest->fs)) /* who cares for what is known when all have been seen */
        return G_SOURCE_CONTINUE;
    node_use_tick(interest->fs->node_use, now);
    tick_services(interest->fs, now);
    tick_groups(interest->fs);
    trim_tick(&interest->trim, interest->fs->state);
    return G_SOURCE_CONTINUE;
}

struct interest *interest_new(struct fs *fs)
{
    struct interest *interest = g_new0(struct interest, 1);
    interest->fs = fs;

    interest->timer = g_timeout_add(TICK_MS, tick, interest);
    return interest;
}

/* The client has to know what is served only if it is to keep that. */
static void subscribe_again(struct service *service)
{
    struct fs *fs = service->fs;
    struct naming_freshness fresh;
    naming_subscribe(fs->naming, &service->key);
    if (!fs->options->empty_protection)
        return;
    restore_lists(service);
    if (freshness_of(service, &fresh))
        naming_hold(fs->naming, &service->key, service->list, fresh.confirmed);
}

void interest_begin(struct interest *interest)
{
    struct fs *fs = interest->fs;
    node_use_begin(fs->node_use);
    for (guint i = slots_high(fs->services); i > 0; i--) {
        struct service *service = slots_at(fs->services, i);
        if (service && service->subscribed)
            subscribe_again(service);
    }
    render_begin(fs);
    root_need_listing(fs, LISTING_FRESH, listed, NULL); /* what is there before anybody can watch */
}

void interest_free(struct interest *interest)
{
    if (!interest)
        return;
    g_source_remove(interest->timer);
    g_free(interest);
}
