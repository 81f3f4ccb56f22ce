/* SPDX-License-Identifier: MIT
 *
 * Listing directories.
 */
#include "fs/ops.h"

#include "fs/attr.h"
#include "fs/group.h"
#include "fs/render_dir.h"
#include "fs/service.h"

#include <errno.h>

/* --- OPENDIR: waits until the names are known and announced -------------------------------- */

static void reply_opened(struct parked *parked, int error)
{
    struct fuse_file_info fi = {.flags = parked->flags};
    if (error == EINTR || error == ENOTCONN)
        fuse_reply_err(parked->req, error);
    else
        fuse_reply_open(parked->req, &fi);
}

/* What just came into the list becomes visible by its own announcement: wait for that, too. */
static void open_settled(struct parked *before, gboolean is_settled, struct waiters *settled)
{
    if (is_settled) {
        reply_opened(before, 0);
        return;
    }
    struct parked *parked = ops_park(before->req, before->node, "", reply_opened);
    parked->flags = before->flags;
    ops_wait(parked, waiters_add(settled, parked_told, parked));
}

static void root_opened(struct parked *parked, int error)
{
    struct fs *fs = parked->fs;
    if (error == EINTR || error == ENOTCONN)
        fuse_reply_err(parked->req, error);
    else /* no server: the groups that are known */
        open_settled(parked, root_is_settled(fs), &fs->root.settled);
}

static void group_opened(struct parked *parked, int error)
{
    const struct node *node = tree_get(parked->fs->tree, parked->node);
    struct group *group = node ? group_get(parked->fs, node->owner) : NULL;
    gboolean ended = error == EINTR || error == ENOTCONN;
    if (!group || ended || (error && !group->listing.answers && !group->listing.from_disk))
        fuse_reply_err(parked->req, error ? error : ENOENT);
    else /* after an error: the last list that was complete */
        open_settled(parked, group_is_settled(group), &group->settled);
}

static void hosts_opened(struct parked *parked, int error)
{
    const struct node *node = tree_get(parked->fs->tree, parked->node);
    struct service *service = node ? service_get(parked->fs, node->owner) : NULL;
    gboolean ended = error == EINTR || error == ENOTCONN;
    if (!service || ended || (error && !service->view))
        fuse_reply_err(parked->req, error ? error : ENOENT);
    else if (node->kind == NODE_CLUSTERS)
        open_settled(parked, clusters_are_settled(&service->clusters), &service->clusters.settled);
    else
        open_settled(parked, hosts_are_settled(&service->hosts), &service->hosts.settled);
}

/* Files that are still to be announced are listed all the same: nobody waits for the helper. */
static void format_opened(struct parked *parked, int error)
{
    if (error)
        fuse_reply_err(parked->req, error);
    else
        reply_opened(parked, 0);
}

void ops_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct fs *fs = ops_fs(req);
    const struct node *node = tree_get(fs->tree, ino);
    struct group *group = node && node->kind == NODE_GROUP ? group_get(fs, node->owner) : NULL;
    gboolean of_list = node && (node->kind == NODE_HOSTS || node->kind == NODE_CLUSTERS);
    struct service *service = of_list ? service_get(fs, node->owner) : NULL;
    struct parked *parked = ops_park(req, ino, "", reply_opened);
    struct waiter *waiter = NULL;
    parked->flags = fi->flags;
    if (group) {
        parked->answer = group_opened;
        waiter = group_need_listing(group, LISTING_FRESH, parked_told, parked);
    } else if (service) {
        parked->answer = hosts_opened;
        parked->count = &service->parked;
        waiter = service_need_list(service, FALSE, parked_told, parked);
    } else if (node && node->kind == NODE_ROOT) {
        parked->answer = root_opened;
        waiter = root_need_listing(fs, LISTING_FRESH, parked_told, parked);
    } else if (node && node->kind == NODE_FORMAT) {
        parked->answer = format_opened;
        waiter = render_need_listings(fs, LISTING_FRESH, parked_told, parked);
    }
    if (waiter)
        ops_wait(parked, waiter);
    else
        parked_told(parked, 0);
}

/* --- READDIR: offsets are slot indexes, so they mean the same in every handle -------------- */

struct listing_reply {
    fuse_req_t req;
    const struct node *directory;
    char *path; /* of the directory */
    char *buffer;
    size_t size, used;
};

/* FALSE when the buffer is full. */
static gboolean add(struct listing_reply *reply, const char *name, mode_t type, guint64 next)
{
    g_autofree char *path =
        *reply->path ? g_strconcat(reply->path, "/", name, NULL) : g_strdup(name);
    struct stat st = {.st_ino = tree_ino(path), .st_mode = type};
    size_t n = fuse_add_direntry(reply->req, reply->buffer + reply->used, reply->size - reply->used,
                                 name, &st, (off_t)next);
    if (n > reply->size - reply->used)
        return FALSE;
    reply->used += n;
    return TRUE;
}

static gboolean add_rows(struct listing_reply *reply, enum layout_place place, guint64 *at)
{
    guint n;
    const struct layout_file *files = layout_files(&n);
    for (; *at < n; ++*at)
        if (files[*at].place == place && files[*at].listed &&
            !add(reply, files[*at].name, S_IFREG, *at + 1))
            return FALSE;
    return TRUE;
}

static void list_root(struct listing_reply *reply, const struct fs *fs, guint64 at)
{
    if (at == 0 && !add(reply, LAYOUT_DOT_NAME, S_IFDIR, 1))
        return;
    for (guint i = MAX(at, 1); i <= slots_high(fs->groups); i++) {
        const struct group *group = slots_at(fs->groups, i);
        if (group && group->visible && !add(reply, group->shown, S_IFDIR, i + 1))
            return;
    }
}

static void list_group(struct listing_reply *reply, const struct fs *fs, guint64 at)
{
    for (guint i = MAX(at, 1); i <= slots_high(fs->services); i++) {
        const struct service *service = slots_at(fs->services, i);
        if (service && service->visible && service->group->id == reply->directory->owner &&
            !add(reply, service->shown, S_IFDIR, i + 1))
            return;
    }
}

/* `at` counts the rows, then comes what else is in the directory. */
static void list_dot(struct listing_reply *reply, guint64 at)
{
    guint n;
    layout_files(&n);
    if (add_rows(reply, LAYOUT_DOT, &at) && at == n)
        add(reply, LAYOUT_RENDER, S_IFDIR, n + 1);
}

static void list_render(struct listing_reply *reply, guint64 at)
{
    while (at < RENDER_FORMATS && add(reply, render_format_at((guint)at)->name, S_IFDIR, at + 1))
        at++;
}

static void list_format(struct listing_reply *reply, const struct fs *fs, guint64 at)
{
    guint format = (guint)render_format_find(reply->directory->name);
    for (guint i = MAX(at, 1); i <= slots_high(fs->services); i++) {
        const struct service *service = slots_at(fs->services, i);
        if (!service || !rendered_wanted(service, format))
            continue;
        g_autofree char *name = rendered_name(service, format);
        if (!add(reply, name, S_IFREG, i + 1))
            return;
    }
}

static void list_service(struct listing_reply *reply, guint64 at)
{
    guint n;
    layout_files(&n);
    if (add_rows(reply, LAYOUT_SERVICE, &at) && at == n && add(reply, LAYOUT_HOSTS, S_IFDIR, n + 1))
        at = n + 1;
    if (at == n + 1)
        add(reply, LAYOUT_CLUSTERS, S_IFDIR, n + 2);
}

static void list_clusters(struct listing_reply *reply, const struct fs *fs, guint64 at)
{
    struct service *service = service_get(fs, reply->directory->owner);
    if (service)
        clusters_use(&service->clusters);
    for (guint i = MAX(at, 1); service && i <= slots_high(service->clusters.slots); i++) {
        const struct cluster *cluster = slots_at(service->clusters.slots, i);
        if (cluster && cluster->visible && !add(reply, cluster->shown, S_IFDIR, i + 1))
            return;
    }
}

static void list_cluster(struct listing_reply *reply, guint64 at)
{
    guint n;
    const struct layout_file *files = layout_files(&n);
    for (; at < n; at++)
        if (files[at].in_cluster && files[at].listed &&
            !add(reply, files[at].name, S_IFREG, at + 1))
            return;
}

static void list_hosts(struct listing_reply *reply, const struct fs *fs, guint64 at)
{
    const struct service *service = service_get(fs, reply->directory->owner);
    for (guint i = MAX(at, 1); service && i <= slots_high(service->hosts.slots); i++) {
        const struct host *host = slots_at(service->hosts.slots, i);
        if (host && host->visible && !add(reply, host->name, S_IFREG, i + 1))
            return;
    }
}

static void list_names(struct listing_reply *reply, const struct fs *fs, guint64 at)
{
    switch (reply->directory->kind) {
    case NODE_ROOT:
        list_root(reply, fs, at);
        return;
    case NODE_DOT:
        list_dot(reply, at);
        return;
    case NODE_RENDER:
        list_render(reply, at);
        return;
    case NODE_FORMAT:
        list_format(reply, fs, at);
        return;
    case NODE_GROUP:
        list_group(reply, fs, at);
        return;
    case NODE_SERVICE:
        list_service(reply, at);
        return;
    case NODE_CLUSTERS:
        list_clusters(reply, fs, at);
        return;
    case NODE_CLUSTER:
        list_cluster(reply, at);
        return;
    default:
        list_hosts(reply, fs, at);
    }
}

/* Offsets 1 and 2 are behind "." and "..", n + 2 is offset n of the names. */
void ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    const struct fs *fs = ops_fs(req);
    const struct node *node = tree_get(fs->tree, ino);
    if (!node) {
        fuse_reply_err(req, ENOENT);
        return;
    }
    g_autofree char *path = attr_path(fs, node);
    g_autofree char *buffer = g_malloc(size);
    struct listing_reply reply = {
        .req = req, .directory = node, .path = path, .buffer = buffer, .size = size};
    list_names(&reply, fs, (guint64)off);
    fuse_reply_buf(req, reply.buffer, reply.used);
}
