/* SPDX-License-Identifier: MIT
 *
 * What makes and removes names: MKNOD, MKDIR, UNLINK, RMDIR, by a user or by order of the mirror.
 */
#include "fs/ops.h"

#include "fs/group.h"
#include "fs/journal.h"
#include "fs/kept.h"
#include "fs/line.h"
#include "fs/names.h"
#include "fs/service.h"

#include <errno.h>
#include <string.h>

/* --- MKNOD, MKDIR -------------------------------------------------------------------------- */

void ops_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
    struct fs *fs = ops_fs(req);
    const struct node *node = tree_get(fs->tree, parent);
    struct service *service =
        node && node->kind == NODE_HOSTS ? service_get(fs, node->owner) : NULL;
    struct host *host = service ? hosts_find(&service->hosts, name) : NULL;
    if (host && ops_is_ordered(req, MIRROR_MKNOD, &service->hosts.lane, name)) {
        hosts_set_visible(&service->hosts, host, TRUE);
        ops_reply_entry(req, NODE_HOST, service->id, name, NULL);
        return;
    }
    if (node && node->kind == NODE_FORMAT)
        ops_mknod_rendered(req, node, name);
    else
        fuse_reply_err(req, fs->options->read_only ? EROFS : EPERM);
}

static void mkdir_group(fuse_req_t req, const char *shown)
{
    struct fs *fs = ops_fs(req);
    g_autofree char *name = names_decode(shown);
    struct group *group = name ? group_obtain(fs, name) : NULL;
    if (!group) {
        fuse_reply_err(req, EINVAL);
        return;
    }
    group->pinned = TRUE;
    group->visible = TRUE;
    fs->root.mtime_ns = version_next_mtime(fs->root.mtime_ns);
    kept_group(group);
    kept_root(fs);
    ops_reply_entry(req, NODE_GROUP, group->id, shown, NULL);
}

static void mkdir_service(fuse_req_t req, struct group *group, const char *shown)
{
    g_autofree char *name = names_decode(shown);
    struct service *service = group_service(group, shown);
    if (!name || !*name) {
        fuse_reply_err(req, EINVAL);
        return;
    }
    if (!service)
        service = service_new(group, name);
    service->pinned = TRUE;
    service->hidden = FALSE;
    service->visible = TRUE;
    group->mtime_ns = version_next_mtime(group->mtime_ns);
    kept_service(service);
    kept_group(group);
    ops_reply_entry(req, NODE_SERVICE, service->id, shown, NULL);
}

/* The helper's MKDIR that raises the CREATE of a group or service. */
static gboolean ordered_mkdir(fuse_req_t req, struct group *parent, const char *name)
{
    struct fs *fs = ops_fs(req);
    struct mirror_lane *lane = parent ? &parent->lane : &fs->root.lane;
    struct service *service = parent ? group_service(parent, name) : NULL;
    struct group *group = parent ? NULL : group_find(fs, name);
    if (!ops_is_ordered(req, MIRROR_MKDIR, lane, name) || (!service && !group))
        return FALSE;
    if (service) {
        service->visible = TRUE;
        parent->mtime_ns = version_next_mtime(parent->mtime_ns);
        kept_service(service);
        kept_group(parent);
        ops_reply_entry(req, NODE_SERVICE, service->id, name, NULL);
    } else {
        group->visible = TRUE;
        fs->root.mtime_ns = version_next_mtime(fs->root.mtime_ns);
        kept_group(group);
        kept_root(fs);
        ops_reply_entry(req, NODE_GROUP, group->id, name, NULL);
    }
    return TRUE;
}

void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct fs *fs = ops_fs(req);
    const struct node *node = tree_get(fs->tree, parent);
    struct group *group = node && node->kind == NODE_GROUP ? group_get(fs, node->owner) : NULL;
    gboolean in_root = node && node->kind == NODE_ROOT;
    int error = ops_may_write(req);
    if (node && node->kind == NODE_CLUSTERS && ops_mkdir_cluster(req, node, name))
        return;
    if ((in_root || group) && ordered_mkdir(req, group, name))
        return;
    if (error || !(in_root || group))
        fuse_reply_err(req, error ? error : EPERM);
    else if (strlen(name) > NAMES_MAX)
        fuse_reply_err(req, ENAMETOOLONG);
    else if (group)
        mkdir_service(req, group, name);
    else
        mkdir_group(req, name);
}

/* --- UNLINK, RMDIR ------------------------------------------------------------------------- */

static void unlink_host(struct service *service, const char *name)
{
    struct host *host = hosts_find(&service->hosts, name);
    ops_forget_name(service->fs, NODE_HOST, service->id, name);
    if (host)
        hosts_set_visible(&service->hosts, host, FALSE);
}

static void unlinked(struct parked *parked, int error)
{
    const struct node *node = tree_get(parked->fs->tree, parked->node);
    if (!error) /* the kernel raises DELETE itself */
        unlink_host(service_get(parked->fs, node->owner), parked->name);
    fuse_reply_err(parked->req, error);
}

static void cancel_line(gpointer op)
{
    line_cancel(op);
}

static void user_unlink(fuse_req_t req, struct service *service, fuse_ino_t parent,
                        const char *name)
{
    int error;
    struct parked *parked = ops_park(req, parent, name, unlinked);
    parked->gate = &service->hosts.parked;
    parked->count = &service->parked;
    const struct journal_entry *begun = journal_claim(service->fs->journal, parked->request.unique);
    const struct told told = {.fn = parked_told,
                              .user_data = parked,
                              .asker.unique = parked->request.unique,
                              .again = begun};
    parked->cancel = cancel_line;
    if (begun && begun->done)
        error = begun->result;
    else
        parked->wait = line_begin_remove(service, name, told, &error);
    if (parked->wait)
        parked_start(parked, PARKED_DEFAULT_MS);
    else
        parked_told(parked, error);
}

void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct fs *fs = ops_fs(req);
    const struct node *node = tree_get(fs->tree, parent);
    struct service *service =
        node && node->kind == NODE_HOSTS ? service_get(fs, node->owner) : NULL;
    int error = ops_may_write(req);
    if (service && ops_is_ordered(req, MIRROR_UNLINK, &service->hosts.lane, name)) {
        unlink_host(service, name);
        fuse_reply_err(req, 0);
    } else if (node && node->kind == NODE_FORMAT) {
        ops_unlink_rendered(req, node, name);
    } else if (error || !service) {
        fuse_reply_err(req, error ? error : EPERM);
    } else {
        user_unlink(req, service, parent, name);
    }
}

static void remove_service(struct service *service)
{
    ops_forget_name(service->fs, NODE_SERVICE, service->id, service->shown);
    service->visible = FALSE;
    service->group->mtime_ns = version_next_mtime(service->group->mtime_ns);
    kept_service(service);
    kept_group(service->group);
}

static void hide_service(struct service *service)
{
    service->pinned = FALSE;
    service->hidden = TRUE;
    remove_service(service);
}

/* An empty list is what makes it removable; a server that still knows the empty service may list it
 * for a while: hidden until it has instances or is made again. */
static void service_removed(struct parked *parked, int error)
{
    const struct node *node = tree_get(parked->fs->tree, parked->node);
    struct group *group = group_get(parked->fs, node->owner);
    struct service *service = group_service(group, parked->name);
    gboolean unknown = service->pinned && !service->known;
    if (error && !service->view && !(unknown && error != EINTR)) {
        fuse_reply_err(parked->req, error);
        return;
    }
    if ((service->view && service->view->n_hosts) || service->registrations->len) {
        fuse_reply_err(parked->req, ENOTEMPTY);
        return;
    }
    ops_begin_name(parked->fs);
    hide_service(service);
    fuse_reply_err(parked->req, 0);
}

static void rmdir_service(fuse_req_t req, struct group *group, fuse_ino_t parent, const char *name)
{
    struct service *service = group_service(group, name);
    if (!service) {
        fuse_reply_err(req, ENOENT);
        return;
    }
    struct parked *parked = ops_park(req, parent, name, service_removed);
    struct waiter *waiter = service_need_list(service, FALSE, parked_told, parked);
    parked->gate = &group->parked;
    parked->count = &service->parked;
    if (waiter)
        ops_wait(parked, waiter);
    else
        parked_told(parked, 0);
}

static void remove_group(struct group *group)
{
    ops_forget_name(group->fs, NODE_GROUP, group->id, group->shown);
    group->visible = FALSE;
    group->fs->root.mtime_ns = version_next_mtime(group->fs->root.mtime_ns);
    kept_group(group);
    kept_root(group->fs);
}

static void drop_group(struct group *group)
{
    group->pinned = group->known = FALSE;
    remove_group(group);
}

static int rmdir_group(struct fs *fs, const char *name)
{
    struct group *group = group_find(fs, name);
    GHashTableIter iter;
    gpointer service;
    if (!group)
        return ENOENT;
    if (group->configured)
        return EPERM;
    g_hash_table_iter_init(&iter, group->services);
    while (g_hash_table_iter_next(&iter, NULL, &service))
        if (((struct service *)service)->visible)
            return ENOTEMPTY;
    ops_begin_name(fs);
    drop_group(group);
    return 0;
}

/* The helper's RMDIR that raises the DELETE of a group or service. */
static gboolean ordered_rmdir(fuse_req_t req, struct group *parent, const char *name)
{
    struct fs *fs = ops_fs(req);
    struct mirror_lane *lane = parent ? &parent->lane : &fs->root.lane;
    struct service *service = parent ? group_service(parent, name) : NULL;
    struct group *group = parent ? NULL : group_find(fs, name);
    if (!ops_is_ordered(req, MIRROR_RMDIR, lane, name) || (!service && !group))
        return FALSE;
    if (service)
        remove_service(service);
    else
        remove_group(group);
    fuse_reply_err(req, 0);
    return TRUE;
}

/* What an earlier daemon had decided is carried out, as far as it was not yet. */
static void finish_rmdir(fuse_req_t req, struct group *parent, const char *name)
{
    struct service *service = parent ? group_service(parent, name) : NULL;
    struct group *group = parent ? NULL : group_find(ops_fs(req), name);
    if (service)
        hide_service(service);
    else if (group)
        drop_group(group);
    fuse_reply_err(req, 0);
}

void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct fs *fs = ops_fs(req);
    const struct node *node = tree_get(fs->tree, parent);
    struct group *group = node && node->kind == NODE_GROUP ? group_get(fs, node->owner) : NULL;
    gboolean in_root = node && node->kind == NODE_ROOT;
    int error = ops_may_write(req);
    gboolean by_user = FALSE;
    if (ops_was_begun(req, &by_user) && by_user) {
        finish_rmdir(req, group, name);
        return;
    }
    if (node && node->kind == NODE_CLUSTERS && ops_rmdir_cluster(req, node, name))
        return;
    if ((in_root || group) && ordered_rmdir(req, group, name))
        return;
    if (error || !(in_root || group) || (in_root && strcmp(name, LAYOUT_DOT_NAME) == 0))
        fuse_reply_err(req, error ? error : EPERM);
    else if (group)
        rmdir_service(req, group, parent, name);
    else
        fuse_reply_err(req, rmdir_group(fs, name));
}
