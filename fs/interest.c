/* SPDX-License-Identifier: MIT */
#include "fs/interest.h"

#include "fs/group.h"
#include "fs/kept.h"
#include "fs/registered.h"
#include "fs/render_dir.h"
#include "fs/restore.h"
#include "fs/service.h"
#include "fs/session.h"
#include "fs/tree.h"
#include "fs/watches.h"

#define TICK_MS 250
#define SETTLED_AFTER                                                                              \
    (G_USEC_PER_SEC / 2)                /* us since the last look-up before a node is asked about */
#define PROVEN_WITHIN G_USEC_PER_SEC    /* us in which a node's use is found out */
#define ASK_AGAIN (15 * G_USEC_PER_SEC) /* us between questions about a node in use */
#define WITHOUT_PRUNE (2 * G_USEC_PER_SEC) /* us held that count as in use on older kernels */
#define PRUNE_BATCH 500

struct interest {
    struct fs *fs;
    guint timer;             /* source id */
    gboolean cannot_prune;   /* kernel before 6.18 */
    struct watches *watches; /* who watches the root, which no prune can tell */
};

/* --- whose node is it ---------------------------------------------------------------------- */

static struct service *node_service(const struct fs *fs, const struct node *node)
{
    switch (node->kind) {
    case NODE_SERVICE:
    case NODE_SERVICE_FILE:
    case NODE_HOSTS:
    case NODE_HOST:
    case NODE_RENDERED:
    case NODE_RENDERED_TEMP:
    case NODE_CLUSTERS:
    case NODE_CLUSTER:
    case NODE_CLUSTER_FILE:
        return service_get(fs, node->owner);
    default:
        return NULL;
    }
}

static struct group *node_group(const struct fs *fs, const struct node *node)
{
    return node->kind == NODE_GROUP ? group_get(fs, node->owner) : NULL;
}

static struct format_directory *node_format(const struct fs *fs, const struct node *node)
{
    return node->kind == NODE_FORMAT ? render_directory(fs, (guint)render_format_find(node->name))
                                     : NULL;
}

static void count(struct fs *fs, const struct node *node, int held, int watched)
{
    struct service *service = node_service(fs, node);
    struct group *group = node_group(fs, node);
    struct format_directory *format = node_format(fs, node);
    if (service) {
        if (node->kind >= NODE_CLUSTERS && node->kind <= NODE_CLUSTER_FILE)
            service->clusters.held += held;
        service->held += held;
        service->watched += watched;
    }
    if (group) {
        group->held += held;
        group->watched += watched;
    }
    if (format) {
        format->held += held;
        format->watched += watched;
    }
}

void interest_node_new(struct fs *fs, const struct node *node)
{
    count(fs, node, 1, 0);
}

void interest_node_gone(struct fs *fs, const struct node *node)
{
    count(fs, node, -1, node->survived >= NODE_IN_USE ? -1 : 0);
}

/* --- services ------------------------------------------------------------------------------ */

static gboolean opened_lately(const struct service *service, gint64 now)
{
    gint64 idle = service->fs->options->idle_timeout_s * G_USEC_PER_SEC;
    return service->handles || (service->opened && now - service->opened < idle);
}

/* Nobody looks any more, or it is not known yet whether somebody watches: until then a service is
 * kept, or its list would come back as news to those who do. */
static gboolean may_be_used(const struct service *service, gint64 now)
{
    return opened_lately(service, now - PROVEN_WITHIN) || service->watched ||
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
    if (watches_root(fs->interest->watches) && is_due(&fs->root.listing))
        root_need_listing(fs, LISTING_WATCHED, listed, NULL);
    if (render_is_watched(fs))
        render_need_listings(fs, LISTING_WATCHED, listed, NULL);
}

/* --- nodes --------------------------------------------------------------------------------- */

/* The node outlived the prune that named it last. */
static void outlived(struct fs *fs, struct node *node)
{
    tree_survived(node);
    if (node->survived == NODE_IN_USE)
        count(fs, node, 0, 1);
}

static gboolean is_node_due(const struct node *node, gint64 now)
{
    if (now - node->looked_up < SETTLED_AFTER)
        return FALSE;
    return node->survived < NODE_IN_USE || now - node->asked >= ASK_AGAIN;
}

/* The kernel keeps a directory for the sake of what it holds in it: files are asked about together
 * with their directory, or that would look watched. */
static gboolean is_directory_asked(const struct fs *fs, const struct node *rendered, gint64 now)
{
    const struct node *directory = tree_find(fs->tree, NODE_FORMAT, 0, rendered->name);
    return directory && (directory->asked == now || is_node_due(directory, now));
}

static gboolean is_asked(const struct fs *fs, const struct node *node, gint64 now)
{
    const struct service *service = node_service(fs, node);
    if (node->kind == NODE_ROOT || !is_node_due(node, now))
        return FALSE;
    if (!service || !(opened_lately(service, now) || renderings_are_followed(service)))
        return TRUE;
    return node->kind == NODE_RENDERED &&
           (!service_exists(service) || is_directory_asked(fs, node, now));
}

static void prune(struct interest *interest, const guint64 *ids, guint n)
{
    if (n && session_prune(interest->fs->session, ids, n) != 0)
        interest->cannot_prune = TRUE;
}

static void tick_nodes(struct interest *interest, gint64 now)
{
    struct fs *fs = interest->fs;
    guint64 ids[PRUNE_BATCH];
    guint n = 0;
    for (guint i = tree_high(fs->tree); i > 0; i--) {
        struct node *node = tree_at(fs->tree, i);
        if (!node || !is_asked(fs, node, now))
            continue;
        if (node->asked > node->looked_up)
            outlived(fs, node);
        node->asked = now;
        ids[n++] = node->id;
        if (n == PRUNE_BATCH) {
            prune(interest, ids, n);
            n = 0;
        }
    }
    prune(interest, ids, n);
}

/* Kernels that cannot prune: held for a while is in use. */
static void tick_held(struct fs *fs, gint64 now)
{
    for (guint i = tree_high(fs->tree); i > 0; i--) {
        struct node *node = tree_at(fs->tree, i);
        if (!node || node->kind == NODE_ROOT || node->survived >= NODE_IN_USE ||
            now - node->looked_up < WITHOUT_PRUNE)
            continue;
        while (node->survived < NODE_IN_USE)
            tree_survived(node);
        count(fs, node, 0, 1);
    }
}

static gboolean tick(gpointer user_data)
{
    struct interest *interest = user_data;
    gint64 now = g_get_monotonic_time();
    if (restore_is_waking(interest->fs)) /* who cares for what is known when all have been seen */
        return G_SOURCE_CONTINUE;
    if (interest->cannot_prune)
        tick_held(interest->fs, now);
    else
        tick_nodes(interest, now);
    tick_services(interest->fs, now);
    tick_groups(interest->fs);
    return G_SOURCE_CONTINUE;
}

struct interest *interest_new(struct fs *fs)
{
    struct interest *interest = g_new0(struct interest, 1);
    interest->fs = fs;
    interest->watches = watches_new(fs->options->mountpoint);
    interest->timer = g_timeout_add(TICK_MS, tick, interest);
    return interest;
}

void interest_begin(struct interest *interest)
{
    struct fs *fs = interest->fs;
    for (guint i = tree_high(fs->tree); i > 0; i--) {
        const struct node *node = tree_at(fs->tree, i);
        if (node)
            count(fs, node, 1, node->survived >= NODE_IN_USE ? 1 : 0);
    }
    for (guint i = slots_high(fs->services); i > 0; i--) {
        const struct service *service = slots_at(fs->services, i);
        if (service && service->subscribed)
            naming_subscribe(fs->naming, &service->key);
    }
    render_begin(fs);
    root_need_listing(fs, LISTING_FRESH, listed, NULL); /* what is there before anybody can watch */
}

void interest_free(struct interest *interest)
{
    if (!interest)
        return;
    g_source_remove(interest->timer);
    watches_free(interest->watches);
    g_free(interest);
}
