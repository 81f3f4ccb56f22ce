/* SPDX-License-Identifier: MIT */
#include "fs/cluster.h"

#include "fs/kept.h"
#include "fs/service.h"
#include "fs/tree.h"

#include <errno.h>
#include <string.h>

/* --- who holds what ------------------------------------------------------------------------ */

static gboolean file_is_held(const struct cluster *cluster, const char *file)
{
    g_autofree char *name = g_strconcat(LAYOUT_CLUSTERS "/", cluster->shown, "/", file, NULL);
    return tree_find(cluster->service->fs->tree, NODE_CLUSTER_FILE, cluster->service->id, name) !=
           NULL;
}

static gboolean directory_is_held(const struct cluster *cluster)
{
    g_autofree char *name = g_strconcat(LAYOUT_CLUSTERS "/", cluster->shown, NULL);
    return tree_find(cluster->service->fs->tree, NODE_CLUSTER, cluster->service->id, name) != NULL;
}

gboolean cluster_is_held(const struct cluster *cluster)
{
    guint n;
    const struct layout_file *files = layout_files(&n);
    gboolean held = directory_is_held(cluster);
    for (guint i = 0; i < n && !held; i++)
        held = files[i].in_cluster && file_is_held(cluster, files[i].name);
    return held;
}

/* --- the lane of one cluster's files ------------------------------------------------------- */

static enum mirror_turn file_turn(struct cluster *cluster, struct version *file, const char *name,
                                  gint64 *earliest)
{
    gint64 now = g_get_monotonic_time();
    if (!file->changed)
        return MIRROR_NOTHING;
    if (!file_is_held(cluster, name) && !directory_is_held(cluster)) {
        version_settle(file); /* nobody can be watching */
        kept_cluster(cluster);
        return MIRROR_NOTHING;
    }
    gint64 due = version_due(file);
    if (!cluster->visible || service_is_coming(cluster->service))
        due = now + SERVICE_COMING_GAP;
    if (due > now) {
        *earliest = MIN(*earliest, due);
        return MIRROR_LATER;
    }
    version_telling(file);
    return MIRROR_ORDER;
}

static enum mirror_turn cluster_next(gpointer owner, enum mirror_op *op, char **path,
                                     gint64 *not_before)
{
    struct cluster *cluster = owner;
    *not_before = G_MAXINT64;
    for (int i = 0; i < CONTENT_COUNT; i++) {
        const char *name = layout_content(i)->name;
        if (file_turn(cluster, &cluster->files[i], name, not_before) != MIRROR_ORDER)
            continue;
        *op = MIRROR_POKE;
        *path = g_strconcat(cluster->service->path, "/" LAYOUT_CLUSTERS "/", cluster->shown, "/",
                            name, NULL);
        return MIRROR_ORDER;
    }
    return *not_before < G_MAXINT64 ? MIRROR_LATER : MIRROR_NOTHING;
}

static void cluster_done(gpointer owner, enum mirror_op op, const char *path, int error)
{
    struct cluster *cluster = owner;
    const struct layout_file *row = layout_find(LAYOUT_SERVICE, strrchr(path, '/') + 1);
    struct version *file = &cluster->files[row->content];
    if (error)
        g_debug("announcing %s: %s", path, g_strerror(error));
    if (error == EINTR) {
        version_again(file);
        return;
    }
    version_told(file);
    kept_cluster(cluster);
}

static const struct mirror_lane_class files_lane = {cluster_next, cluster_done, NULL};

/* --- life ---------------------------------------------------------------------------------- */

struct cluster *cluster_new(struct service *service, const char *name, const char *shown)
{
    struct cluster *cluster = g_new0(struct cluster, 1);
    cluster->service = service;
    cluster->name = g_strdup(name);
    cluster->shown = g_strdup(shown);
    for (int i = 0; i < CONTENT_COUNT; i++)
        version_init(&cluster->files[i], version_next_mtime(0));
    mirror_lane_init(&cluster->lane, &files_lane, cluster);
    return cluster;
}

void cluster_free(gpointer item)
{
    struct cluster *cluster = item;
    mirror_lane_remove(cluster->service->fs->mirror, &cluster->lane);
    kept_drop(cluster->service->fs, &cluster->kept);
    for (int i = 0; i < CONTENT_COUNT; i++)
        version_clear(&cluster->files[i]);
    service_info_unref(cluster->view);
    g_free(cluster->name);
    g_free(cluster->shown);
    g_free(cluster);
}

/* --- content ------------------------------------------------------------------------------- */

/* The instances of the view that are in this cluster. New reference. */
static struct service_info *part_of_view(const struct cluster *cluster)
{
    const struct service *service = cluster->service;
    const struct service_info *view = service->view;
    GArray *hosts = g_array_new(FALSE, TRUE, sizeof(struct instance));
    for (guint i = 0; view && i < view->n_hosts; i++) {
        struct instance copy;
        if (strcmp(view->hosts[i].cluster_name, cluster->name) != 0)
            continue;
        instance_copy(&copy, &view->hosts[i]);
        g_array_append_val(hosts, copy);
    }
    struct service_info *part = service_info_new(
        &service->key, cluster->name, (struct instance *)(gpointer)hosts->data, hosts->len);
    part->last_ref_time = view ? view->last_ref_time : 0;
    part->cache_millis = view ? view->cache_millis : 0;
    g_array_unref(hosts);
    return part;
}

static void file_update(struct cluster *cluster, int content, gboolean silent)
{
    struct version *file = &cluster->files[content];
    if (version_take(file, layout_content(content)->render(cluster->view), !silent) && !silent)
        mirror_mark(cluster->service->fs->mirror, &cluster->lane);
}

void cluster_update(struct cluster *cluster, gboolean silent)
{
    g_autoptr(service_info) part = part_of_view(cluster);
    if (cluster->view && instances_are_same(cluster->view, part))
        return;
    gboolean new = !cluster->view;
    service_info_unref(cluster->view);
    cluster->view = g_steal_pointer(&part);
    for (int i = 0; i < CONTENT_COUNT; i++)
        file_update(cluster, i, silent || new);
    kept_cluster(cluster);
}

void cluster_resume(struct cluster *cluster)
{
    cluster->view = part_of_view(cluster);
    for (int i = 0; i < CONTENT_COUNT; i++) {
        version_take(&cluster->files[i], layout_content(i)->render(cluster->view), FALSE);
        if (cluster->files[i].changed)
            mirror_mark(cluster->service->fs->mirror, &cluster->lane);
    }
}

/* --- nodes --------------------------------------------------------------------------------- */

struct cluster *cluster_of(struct service *service, const struct node *node)
{
    if (node->kind != NODE_CLUSTER && node->kind != NODE_CLUSTER_FILE)
        return NULL;
    g_auto(GStrv) parts = g_strsplit(node->name, "/", 3); /* "clusters", NAME, FILE */
    clusters_use(&service->clusters);
    return clusters_find(&service->clusters, parts[1]);
}

const struct mirror_lane *cluster_lane(struct service *service, const struct node *node)
{
    const struct cluster *cluster = cluster_of(service, node);
    return cluster ? &cluster->lane : NULL;
}

const struct version *cluster_file(struct service *service, const struct node *node)
{
    const struct cluster *cluster = cluster_of(service, node);
    if (!cluster || node->kind != NODE_CLUSTER_FILE || node->file->content == CONTENT_NONE)
        return NULL;
    return &cluster->files[node->file->content];
}

GBytes *cluster_open(struct service *service, const struct node *node, int *error)
{
    const struct cluster *cluster = cluster_of(service, node);
    if (!cluster) {
        *error = ENOENT;
        return NULL;
    }
    if (node->file->draw)
        return node->file->draw(cluster->view, error);
    if (node->file->content == CONTENT_NONE)
        return g_bytes_new_static("", 0);
    return g_bytes_ref(cluster->files[node->file->content].bytes);
}
