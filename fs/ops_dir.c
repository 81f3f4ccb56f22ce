/* SPDX-License-Identifier: MIT
 *
 * Directories: listing them, and what makes and removes names.
 */
#include "fs/ops.h"

#include "fs/attr.h"
#include "fs/error.h"
#include "fs/group.h"
#include "fs/line.h"
#include "fs/names.h"
#include "fs/registered.h"
#include "fs/service.h"

#include <errno.h>
#include <string.h>

/* --- OPENDIR: waits until the names are known and announced
 * -------------------------------------------- */

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
    if (!group || ended || (error && !group->listing.answers))
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
    else
        open_settled(parked, hosts_are_settled(&service->hosts), &service->hosts.settled);
}

void ops_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct fs *fs = ops_fs(req);
    const struct node *node = tree_get(fs->tree, ino);
    struct group *group = node && node->kind == NODE_GROUP ? group_get(fs, node->owner) : NULL;
    struct service *service =
        node && node->kind == NODE_HOSTS ? service_get(fs, node->owner) : NULL;
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
    }
    if (waiter)
        ops_wait(parked, waiter);
    else
        parked_told(parked, 0);
}

/* --- READDIR: offsets are slot indexes, so they mean the same in every handle
 * ---------------------------- */

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

static void list_service(struct listing_reply *reply, guint64 at)
{
    guint n;
    layout_files(&n);
    if (add_rows(reply, LAYOUT_SERVICE, &at) && at == n)
        add(reply, LAYOUT_HOSTS, S_IFDIR, n + 1);
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
        add_rows(reply, LAYOUT_DOT, &at);
        return;
    case NODE_GROUP:
        list_group(reply, fs, at);
        return;
    case NODE_SERVICE:
        list_service(reply, at);
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

/* --- MKNOD, MKDIR
 * ------------------------------------------------------------------------------------------ */

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
    fs->root.mtime_ns = service_next_mtime(fs->root.mtime_ns);
    ops_reply_entry(req, NODE_GROUP, group->id, shown, NULL);
}

static void mkdir_service(fuse_req_t req, struct group *group, const char *shown)
{
    g_autofree char *name = names_decode(shown);
    struct service *service = g_hash_table_lookup(group->services, shown);
    if (!name || !*name) {
        fuse_reply_err(req, EINVAL);
        return;
    }
    if (!service)
        service = service_new(group, name);
    service->pinned = TRUE;
    service->hidden = FALSE;
    service->visible = TRUE;
    group->mtime_ns = service_next_mtime(group->mtime_ns);
    ops_reply_entry(req, NODE_SERVICE, service->id, shown, NULL);
}

/* The helper's MKDIR that raises the CREATE of a group or service. */
static gboolean ordered_mkdir(fuse_req_t req, struct group *parent, const char *name)
{
    struct fs *fs = ops_fs(req);
    struct mirror_lane *lane = parent ? &parent->lane : &fs->root.lane;
    struct service *service = parent ? g_hash_table_lookup(parent->services, name) : NULL;
    struct group *group = parent ? NULL : group_find(fs, name);
    if (!ops_is_ordered(req, MIRROR_MKDIR, lane, name) || (!service && !group))
        return FALSE;
    if (service) {
        service->visible = TRUE;
        parent->mtime_ns = service_next_mtime(parent->mtime_ns);
        ops_reply_entry(req, NODE_SERVICE, service->id, name, NULL);
    } else {
        group->visible = TRUE;
        fs->root.mtime_ns = service_next_mtime(fs->root.mtime_ns);
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
    int error = ops_may_write(fs);
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

/* --- UNLINK, RMDIR
 * ------------------------------------------------------------------------------------------ */

static void forget_name(const struct fs *fs, enum node_kind kind, guint64 owner, const char *name)
{
    struct node *node = tree_find(fs->tree, kind, owner, name);
    if (node)
        tree_unlink(fs->tree, node);
}

static void unlink_host(struct service *service, const char *name)
{
    struct host *host = hosts_find(&service->hosts, name);
    forget_name(service->fs, NODE_HOST, service->id, name);
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
    parked->wait = line_begin_remove(service, name, parked_told, parked, &error);
    parked->cancel = cancel_line;
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
    int error = ops_may_write(fs);
    if (service && ops_is_ordered(req, MIRROR_UNLINK, &service->hosts.lane, name)) {
        unlink_host(service, name);
        fuse_reply_err(req, 0);
    } else if (error || !service) {
        fuse_reply_err(req, error ? error : EPERM);
    } else {
        user_unlink(req, service, parent, name);
    }
}

static void remove_service(struct service *service)
{
    forget_name(service->fs, NODE_SERVICE, service->id, service->shown);
    service->visible = FALSE;
    service->group->mtime_ns = service_next_mtime(service->group->mtime_ns);
}

/* An empty list is what makes it removable; a server that still knows the empty service may list it
 * for a while: hidden until it has instances or is made again. */
static void service_removed(struct parked *parked, int error)
{
    const struct node *node = tree_get(parked->fs->tree, parked->node);
    struct group *group = group_get(parked->fs, node->owner);
    struct service *service = g_hash_table_lookup(group->services, parked->name);
    gboolean unknown = service->pinned && !service->known;
    if (error && !service->view && !(unknown && error != EINTR)) {
        fuse_reply_err(parked->req, error);
        return;
    }
    if ((service->view && service->view->n_hosts) || service->registrations->len) {
        fuse_reply_err(parked->req, ENOTEMPTY);
        return;
    }
    service->pinned = FALSE;
    service->hidden = TRUE;
    remove_service(service);
    fuse_reply_err(parked->req, 0);
}

static void rmdir_service(fuse_req_t req, struct group *group, fuse_ino_t parent, const char *name)
{
    struct service *service = g_hash_table_lookup(group->services, name);
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
    forget_name(group->fs, NODE_GROUP, group->id, group->shown);
    group->visible = FALSE;
    group->fs->root.mtime_ns = service_next_mtime(group->fs->root.mtime_ns);
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
    group->pinned = group->known = FALSE;
    remove_group(group);
    return 0;
}

/* The helper's RMDIR that raises the DELETE of a group or service. */
static gboolean ordered_rmdir(fuse_req_t req, struct group *parent, const char *name)
{
    struct fs *fs = ops_fs(req);
    struct mirror_lane *lane = parent ? &parent->lane : &fs->root.lane;
    struct service *service = parent ? g_hash_table_lookup(parent->services, name) : NULL;
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

void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct fs *fs = ops_fs(req);
    const struct node *node = tree_get(fs->tree, parent);
    struct group *group = node && node->kind == NODE_GROUP ? group_get(fs, node->owner) : NULL;
    gboolean in_root = node && node->kind == NODE_ROOT;
    int error = ops_may_write(fs);
    if ((in_root || group) && ordered_rmdir(req, group, name))
        return;
    if (error || !(in_root || group) || (in_root && strcmp(name, LAYOUT_DOT_NAME) == 0))
        fuse_reply_err(req, error ? error : EPERM);
    else if (group)
        rmdir_service(req, group, parent, name);
    else
        fuse_reply_err(req, rmdir_group(fs, name));
}
