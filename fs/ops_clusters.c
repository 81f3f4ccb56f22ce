/* SPDX-License-Identifier: MIT
 *
 * The clusters/ directory of a service: look-ups, and the names that come and go by order.
 */
#include "fs/ops.h"

#include "fs/service.h"

#include <errno.h>

/* --- LOOKUP -------------------------------------------------------------------------------- */

void ops_lookup_clusters(fuse_req_t req, guint64 service)
{
    clusters_use(
        &service_get(ops_fs(req), service)->clusters); /* there may be a watch on it soon */
    ops_reply_entry(req, NODE_CLUSTERS, service, LAYOUT_CLUSTERS, NULL);
}

static void reply_cluster(fuse_req_t req, const struct service *service, const char *name,
                          int error)
{
    const struct cluster *cluster = clusters_find(&service->clusters, name);
    g_autofree char *node = g_strconcat(LAYOUT_CLUSTERS "/", name, NULL);
    if (cluster && cluster->visible)
        ops_reply_entry(req, NODE_CLUSTER, service->id, node, NULL);
    else
        fuse_reply_err(req, error && !service->view ? error : ENOENT);
}

static void clusters_listed(struct parked *parked, int error)
{
    const struct node *node = tree_get(parked->fs->tree, parked->node);
    reply_cluster(parked->req, service_get(parked->fs, node->owner), parked->name, error);
}

static void lookup_name(fuse_req_t req, struct service *service, fuse_ino_t parent,
                        const char *name)
{
    clusters_use(&service->clusters);
    const struct cluster *cluster = clusters_find(&service->clusters, name);
    if ((cluster && cluster->visible) || ops_is_helper(req)) {
        reply_cluster(req, service, name, 0);
        return;
    }
    struct parked *parked = ops_park(req, parent, name, clusters_listed);
    struct waiter *waiter = service_need_list(service, FALSE, parked_told, parked);
    parked->gate = &service->clusters.parked;
    parked->count = &service->parked;
    if (waiter)
        ops_wait(parked, waiter);
    else
        parked_told(parked, 0);
}

static void lookup_file(fuse_req_t req, const struct node *parent, const char *name)
{
    const struct layout_file *file = layout_find(LAYOUT_SERVICE, name);
    g_autofree char *node = g_strconcat(parent->name, "/", name, NULL);
    if (file && file->in_cluster)
        ops_reply_entry(req, NODE_CLUSTER_FILE, parent->owner, node, file);
    else
        fuse_reply_err(req, ENOENT);
}

void ops_lookup_cluster(fuse_req_t req, const struct node *parent, const char *name)
{
    if (parent->kind == NODE_CLUSTER)
        lookup_file(req, parent, name);
    else
        lookup_name(req, service_get(ops_fs(req), parent->owner), parent->id, name);
}

/* --- MKDIR, RMDIR by order ----------------------------------------------------------------- */

static struct cluster *ordered(fuse_req_t req, const struct node *parent, enum mirror_op op,
                               const char *name)
{
    struct service *service = service_get(ops_fs(req), parent->owner);
    if (!service || !ops_is_ordered(req, op, &service->clusters.lane, name))
        return NULL;
    return clusters_find(&service->clusters, name);
}

gboolean ops_mkdir_cluster(fuse_req_t req, const struct node *parent, const char *name)
{
    struct cluster *cluster = ordered(req, parent, MIRROR_MKDIR, name);
    if (!cluster)
        return FALSE;
    clusters_set_visible(&cluster->service->clusters, cluster, TRUE);
    reply_cluster(req, cluster->service, name, 0);
    return TRUE;
}

gboolean ops_rmdir_cluster(fuse_req_t req, const struct node *parent, const char *name)
{
    struct cluster *cluster = ordered(req, parent, MIRROR_RMDIR, name);
    if (!cluster)
        return FALSE;
    g_autofree char *path = g_strconcat(LAYOUT_CLUSTERS "/", name, NULL);
    struct node *node = tree_find(ops_fs(req)->tree, NODE_CLUSTER, parent->owner, path);
    if (node)
        tree_unlink(ops_fs(req)->tree, node);
    clusters_set_visible(&cluster->service->clusters, cluster, FALSE);
    fuse_reply_err(req, 0);
    return TRUE;
}
