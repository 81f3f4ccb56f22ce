/* SPDX-License-Identifier: MIT */
#include "fs/ops.h"

#include "fs/attr.h"
#include "fs/journal.h"
#include "fs/node_use.h"
#include "fs/service.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

/* --- shared -------------------------------------------------------------------------------- */

enum { BY_ORDER, BY_USER }; /* journal_entry.at of names */

static void begin_name(struct fs *fs, gsize whose)
{
    const struct journal_entry entry = {
        .unique = session_current(fs->session)->unique, .kind = JOURNAL_NAME, .at = whose};
    journal_ask(fs->journal, &entry);
}

gboolean ops_is_ordered(fuse_req_t req, enum mirror_op op, const struct mirror_lane *lane,
                        const char *name)
{
    struct fs *fs = ops_fs(req);
    const struct mirror_order *order = mirror_order_from(fs->mirror, fuse_req_ctx(req)->pid);
    if (!order || order->op != op || order->lane != lane)
        return op != MIRROR_POKE && ops_was_begun(req, NULL);
    const char *slash = strrchr(order->path, '/');
    if (name && strcmp(slash ? slash + 1 : order->path, name) != 0)
        return FALSE;
    if (op != MIRROR_POKE)
        begin_name(fs, BY_ORDER);
    return TRUE;
}

void ops_begin_name(struct fs *fs)
{
    begin_name(fs, BY_USER);
}

gboolean ops_was_begun(fuse_req_t req, gboolean *by_user)
{
    struct fs *fs = ops_fs(req);
    const struct session_request *request = session_current(fs->session);
    const struct journal_entry *entry =
        request->resent ? journal_claim(fs->journal, request->unique) : NULL;
    if (!entry || entry->kind != JOURNAL_NAME)
        return FALSE;
    if (by_user)
        *by_user = entry->at == BY_USER;
    return TRUE;
}

static const struct mirror_lane *lane_of(const struct fs *fs, const struct node *node)
{
    struct service *service = service_get(fs, node->owner);
    if (!service)
        return NULL;
    switch (node->kind) {
    case NODE_HOST:
        return &service->hosts.lane;
    case NODE_SERVICE_FILE:
        return node->file->content == CONTENT_NONE ? NULL
                                                   : &service->contents[node->file->content].lane;
    case NODE_CLUSTER_FILE:
        return cluster_lane(service, node);
    case NODE_RENDERED:
        return rendered_lane(service, (guint)render_format_find(node->name));
    default:
        return NULL;
    }
}

gboolean ops_is_poke(fuse_req_t req, const struct node *node)
{
    const struct mirror_lane *lane = lane_of(ops_fs(req), node);
    const char *name = node->kind == NODE_HOST ? node->name : NULL;
    if (node->kind == NODE_CLUSTER_FILE) /* one lane for all of a cluster's files */
        name = node->file->name;
    return lane && ops_is_ordered(req, MIRROR_POKE, lane, name);
}

gboolean ops_is_helper(fuse_req_t req)
{
    return mirror_is_helper(ops_fs(req)->mirror, fuse_req_ctx(req)->pid);
}

static struct node *give(fuse_req_t req, struct fuse_entry_param *entry, struct node *node)
{
    struct fs *fs = ops_fs(req);
    gboolean first = node->nlookup == 0;
    *entry = (struct fuse_entry_param){.ino = node->id};
    tree_looked_up(node, ops_is_helper(req));
    if (first)
        node_use_added(fs, node);
    if (!attr_fill(fs, node, &entry->attr))
        return NULL;
    entry->attr_timeout = attr_timeout(node);
    entry->entry_timeout = attr_entry_timeout(fs, node);
    return node;
}

void ops_reply_entry(fuse_req_t req, enum node_kind kind, guint64 owner, const char *name,
                     const struct layout_file *file)
{
    struct fs *fs = ops_fs(req);
    struct fuse_entry_param entry;
    struct node *node = tree_obtain(fs->tree, kind, owner, name, file);
    guint64 id = node->id;
    int failed = give(req, &entry, node) ? fuse_reply_entry(req, &entry)
                                         : (fuse_reply_err(req, ENOENT), -ENOENT);
    if (failed)
        tree_forget(fs->tree, id, 1);
}

gboolean ops_reply_create(fuse_req_t req, guint64 owner, const char *name,
                          struct fuse_file_info *fi)
{
    struct fs *fs = ops_fs(req);
    struct fuse_entry_param entry;
    struct node *node = tree_obtain(fs->tree, NODE_HOST, owner, name, NULL);
    guint64 id = node->id;
    int failed = give(req, &entry, node) ? fuse_reply_create(req, &entry, fi)
                                         : (fuse_reply_err(req, ENOENT), -ENOENT);
    if (failed)
        tree_forget(fs->tree, id, 1);
    return !failed;
}

void ops_forget_name(const struct fs *fs, enum node_kind kind, guint64 owner, const char *name)
{
    struct node *node = tree_find(fs->tree, kind, owner, name);
    if (node)
        tree_unlink(fs->tree, node);
}

struct parked *ops_park(fuse_req_t req, fuse_ino_t ino, const char *name,
                        void (*answer)(struct parked *parked, int error))
{
    struct parked *parked = parked_new(ops_fs(req), req, answer);
    parked->node = ino;
    parked->name = g_strdup(name);
    return parked;
}

static void cancel_waiter(gpointer waiter)
{
    waiter_cancel(waiter);
}

void ops_wait_for(struct parked *parked, struct waiter *waiter, guint deadline_ms)
{
    parked->wait = waiter;
    parked->cancel = cancel_waiter;
    if (parked->fs->closing) {
        waiter_cancel(waiter);
        parked_told(parked, ENOTCONN);
        return;
    }
    parked_start(parked, deadline_ms);
}

void ops_wait(struct parked *parked, struct waiter *waiter)
{
    ops_wait_for(parked, waiter, PARKED_DEFAULT_MS);
}

void ops_answer_error(struct parked *parked, int error)
{
    fuse_reply_err(parked->req, error);
}

int ops_may_write(fuse_req_t req)
{
    const struct fs *fs = ops_fs(req);
    if (ops_is_helper(req))
        return ENOENT;
    if (fs->options->read_only)
        return EROFS;
    return fs->closing ? ENOTCONN : 0;
}

/* --- what needs no model ------------------------------------------------------------------- */

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
    /* READDIRPLUS would give out a node for every name that `ls` only prints. The writeback cache
     * would make the kernel the owner of times and sizes. */
    conn->want &=
        ~(unsigned)(FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_WRITEBACK_CACHE);
    /* Parallel: a look-up that waits for the network must not hold up others in its directory. */
    conn->want |= FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_PARALLEL_DIROPS;
    struct fs *fs = session_user_data(userdata);
    fs->libfuse_version = fuse_pkgversion();
    g_snprintf(fs->protocol, sizeof fs->protocol, "%u.%u", conn->proto_major, conn->proto_minor);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
    const struct fs *fs = ops_fs(req);
    struct statvfs st = {.f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255};
    st.f_files = slots_count(fs->services) + slots_count(fs->groups);
    fuse_reply_statfs(req, &st);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
    fuse_reply_err(req, 0); /* a whole line is at the server when its write returns */
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    fuse_reply_err(req, 0);
}

static const struct fuse_lowlevel_ops table = {
    .init = op_init,
    .lookup = ops_lookup,
    .forget = ops_forget,
    .forget_multi = ops_forget_multi,
    .getattr = ops_getattr,
    .setattr = ops_setattr,
    .opendir = ops_opendir,
    .readdir = ops_readdir,
    .releasedir = op_releasedir,
    .mknod = ops_mknod,
    .mkdir = ops_mkdir,
    .unlink = ops_unlink,
    .rmdir = ops_rmdir,
    .create = ops_create,
    .open = ops_open,
    .read = ops_read,
    .poll = ops_poll,
    .write = ops_write,
    .flush = ops_flush,
    .release = ops_release,
    .fsync = op_fsync,
    .statfs = op_statfs,
    .symlink = ops_symlink,
    .link = ops_link,
    .rename = ops_rename,
    .setxattr = ops_setxattr,
    .getxattr = ops_getxattr,
    .listxattr = ops_listxattr,
    .removexattr = ops_removexattr,
    .ioctl = ops_ioctl,
    .fallocate = ops_fallocate,
};

const struct fuse_lowlevel_ops *ops_table(void)
{
    return &table;
}
