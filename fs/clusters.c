/* SPDX-License-Identifier: MIT */
#include "fs/clusters.h"

#include "fs/kept.h"
#include "fs/names.h"
#include "fs/service.h"
#include "fs/tree.h"

#include <errno.h>
#include <string.h>

static struct cluster *cluster_at(const struct clusters *clusters, guint index)
{
    return slots_at(clusters->slots, index);
}

static guint high(const struct clusters *clusters)
{
    return clusters->slots ? slots_high(clusters->slots) : 0;
}

/* --- who holds what ------------------------------------------------------------------------ */

static gboolean is_wanted(const struct cluster *cluster)
{
    return cluster->round == cluster->service->clusters.round || cluster_is_held(cluster);
}

static gboolean names_are_held(const struct clusters *clusters)
{
    const struct service *service = clusters->service;
    return tree_find(service->fs->tree, NODE_CLUSTERS, service->id, LAYOUT_CLUSTERS) != NULL;
}

/* --- the lane of the names ----------------------------------------------------------------- */

static struct cluster *next_owed(const struct clusters *clusters)
{
    for (guint i = 1; i <= high(clusters); i++) {
        struct cluster *cluster = cluster_at(clusters, i);
        if (cluster && cluster->visible != is_wanted(cluster))
            return cluster;
    }
    return NULL;
}

gboolean clusters_are_settled(const struct clusters *clusters)
{
    return next_owed(clusters) == NULL;
}

static enum mirror_turn clusters_next(gpointer owner, enum mirror_op *op, char **path,
                                      gint64 *not_before)
{
    struct clusters *clusters = owner;
    const struct cluster *cluster = next_owed(clusters);
    if (!cluster) {
        waiters_wake(&clusters->settled, 0);
        return MIRROR_NOTHING;
    }
    if (service_is_coming(clusters->service)) {
        *not_before = g_get_monotonic_time() + SERVICE_COMING_GAP;
        return MIRROR_LATER;
    }
    *op = cluster->visible ? MIRROR_RMDIR : MIRROR_MKDIR;
    *path = g_strconcat(clusters->service->path, "/" LAYOUT_CLUSTERS "/", cluster->shown, NULL);
    return MIRROR_ORDER;
}

static void clusters_done(gpointer owner, enum mirror_op op, const char *path, int error)
{
    struct clusters *clusters = owner;
    struct cluster *cluster = clusters_find(clusters, strrchr(path, '/') + 1);
    if (!cluster || error == 0 || error == EINTR)
        return;
    g_debug("announcing %s: %s", path, g_strerror(error));
    cluster->visible = op == MIRROR_MKDIR; /* no event can be had for it */
    kept_cluster(cluster);
}

static gboolean clusters_gated(gpointer owner)
{
    const struct clusters *clusters = owner;
    return clusters->parked > 0;
}

static const struct mirror_lane_class names_lane = {clusters_next, clusters_done, clusters_gated};

/* --- life ---------------------------------------------------------------------------------- */

void clusters_init(struct clusters *clusters, struct service *service)
{
    clusters->service = service;
    clusters->mtime_ns = version_next_mtime(0);
    mirror_lane_init(&clusters->lane, &names_lane, clusters);
}

void clusters_clear(struct clusters *clusters)
{
    mirror_lane_remove(clusters->service->fs->mirror, &clusters->lane);
    waiters_clear(&clusters->settled);
    g_clear_pointer(&clusters->slots, slots_free);
}

struct cluster *clusters_find(const struct clusters *clusters, const char *shown)
{
    for (guint i = 1; i <= high(clusters); i++) {
        struct cluster *cluster = cluster_at(clusters, i);
        if (cluster && strcmp(cluster->shown, shown) == 0)
            return cluster;
    }
    return NULL;
}

static struct cluster *find_by_name(const struct clusters *clusters, const char *name)
{
    for (guint i = 1; i <= high(clusters); i++) {
        struct cluster *cluster = cluster_at(clusters, i);
        if (cluster && strcmp(cluster->name, name) == 0)
            return cluster;
    }
    return NULL;
}

/* NULL for a name that cannot be shown. */
static struct cluster *cluster_obtain(struct clusters *clusters, const char *name)
{
    struct cluster *cluster = find_by_name(clusters, name);
    g_autofree char *shown = cluster ? NULL : names_encode(name);
    if (!shown)
        return cluster;
    cluster = cluster_new(clusters->service, name, shown);
    cluster->id = slots_add(clusters->slots, cluster);
    return cluster;
}

/* Brings `visible` in line, announced if somebody could be watching the directory. */
static void names_update(struct clusters *clusters, gboolean silent)
{
    silent |= !names_are_held(clusters);
    for (guint i = high(clusters); i > 0; i--) {
        struct cluster *cluster = cluster_at(clusters, i);
        if (!cluster)
            continue;
        gboolean wanted = is_wanted(cluster);
        if (cluster->visible != wanted && silent)
            clusters_set_visible(clusters, cluster, wanted);
        else if (cluster->visible != wanted)
            mirror_mark(clusters->service->fs->mirror, &clusters->lane);
        else if (!wanted)
            slots_remove(clusters->slots, cluster->id);
    }
    if (clusters_are_settled(clusters))
        waiters_wake(&clusters->settled, 0);
}

void clusters_update(struct clusters *clusters, gboolean silent)
{
    const struct service_info *view = clusters->service->view;
    if (!clusters->slots)
        return;
    clusters->round++;
    for (guint i = 0; view && i < view->n_hosts; i++) {
        struct cluster *cluster = cluster_obtain(clusters, view->hosts[i].cluster_name);
        if (cluster)
            cluster->round = clusters->round;
    }
    for (guint i = 1; i <= high(clusters); i++)
        if (cluster_at(clusters, i))
            cluster_update(cluster_at(clusters, i), silent);
    names_update(clusters, silent);
}

void clusters_use(struct clusters *clusters)
{
    if (clusters->slots)
        return;
    clusters->slots = slots_new(cluster_free);
    clusters_update(clusters, TRUE);
}

struct cluster *clusters_restore(struct clusters *clusters, guint64 id, const char *name)
{
    g_autofree char *shown = names_encode(name);
    if (!clusters->slots)
        clusters->slots = slots_new(cluster_free);
    if (!shown || find_by_name(clusters, name))
        return NULL;
    struct cluster *cluster = cluster_new(clusters->service, name, shown);
    cluster->id = id;
    if (slots_put(clusters->slots, id, cluster))
        return cluster;
    cluster_free(cluster);
    return NULL;
}

void clusters_resume(struct clusters *clusters)
{
    for (guint i = 1; i <= high(clusters); i++)
        if (cluster_at(clusters, i))
            cluster_resume(cluster_at(clusters, i));
    if (clusters->held)
        clusters_use(clusters);
}

void clusters_tick(struct clusters *clusters)
{
    if (!clusters->slots)
        return;
    if (!clusters->held && !clusters->parked)
        g_clear_pointer(&clusters->slots, slots_free);
    else
        names_update(clusters, FALSE);
}

void clusters_set_visible(struct clusters *clusters, struct cluster *cluster, gboolean visible)
{
    cluster->visible = visible;
    clusters->mtime_ns = version_next_mtime(clusters->mtime_ns);
    for (guint i = 1; i <= high(clusters); i++)
        if (cluster_at(clusters, i))
            kept_cluster(cluster_at(clusters, i)); /* each has the directory's time */
}
