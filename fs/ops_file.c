/* SPDX-License-Identifier: MIT
 *
 * OPEN, CREATE and READ: what is read is one version from start to end.
 */
#include "fs/ops.h"

#include "fs/address.h"
#include "fs/error.h"
#include "fs/events.h"
#include "fs/handle.h"
#include "fs/interest.h"
#include "fs/kept.h"
#include "fs/service.h"

#include <errno.h>
#include <fcntl.h>

/* --- OPEN ---------------------------------------------------------------------------------- */

static gboolean writes(int flags)
{
    return (flags & O_ACCMODE) != O_RDONLY;
}

/* direct_io: the page cache belongs to the inode and would tear; a file without
 * pages needs no FLUSH, but lines end at close, so FLUSH stays on for what can be written. */
static void set_flags(struct fuse_file_info *fi, const struct handle *handle)
{
    fi->fh = handle->id;
    fi->direct_io = 1;
    fi->noflush = !writes(fi->flags) || handle->poked;
    fi->nonseekable = handle->stream; /* bash reads bytewise from what it cannot seek in, and keeps
                                         its lines */
}

gboolean ops_was_opened(fuse_req_t req, struct fuse_file_info *fi)
{
    struct fs *fs = ops_fs(req);
    const struct session_request *request = session_current(fs->session);
    const guint64 *id = request->resent && fs->reopened
                            ? g_hash_table_lookup(fs->reopened, &request->unique)
                            : NULL;
    const struct handle *handle = id ? handle_get(fs, *id) : NULL;
    if (handle)
        set_flags(fi, handle);
    return handle != NULL;
}

static gboolean is_rendered(const struct node *node)
{
    return node->kind == NODE_RENDERED || node->kind == NODE_RENDERED_TEMP;
}

static gboolean needs_list(const struct node *node)
{
    return is_rendered(node) || (node->file && node->file->needs_list);
}

static void reply_handle(fuse_req_t req, struct fuse_file_info *fi, const struct node *node,
                         GBytes *bytes)
{
    struct handle *handle = handle_new(ops_fs(req), node, bytes);
    set_flags(fi, handle);
    if (node->kind == NODE_HOST || needs_list(node))
        handle_interested(handle);
    if (handle->stream) {
        events_open(handle);
        kept_handle_state(handle);
    } else {
        kept_handle(handle);
    }
    if (fuse_reply_open(req, fi) == -ENOENT) /* the caller is gone: there will be no RELEASE */
        handle_close(handle);
}

/* The bytes of this open. NULL and an errno if there are none to give. */
static GBytes *open_bytes(struct fs *fs, const struct node *node, int *error)
{
    struct service *service = service_get(fs, node->owner);
    const struct layout_file *file = node->file;
    if (node->kind == NODE_CLUSTER_FILE)
        return cluster_open(service, node, error);
    if (node->kind == NODE_HOST) {
        const struct host *host = service ? hosts_find(&service->hosts, node->name) : NULL;
        *error = host ? 0 : ENOENT;
        return host ? g_bytes_ref(host->version.bytes) : NULL;
    }
    if (is_rendered(node))
        return rendered_open(service, (guint)render_format_find(node->name));
    if (file->draw)
        return file->draw(service->view, error);
    if (file->content == CONTENT_NONE)
        return file->open(fs, service, error);
    return g_bytes_ref(service->contents[file->content].version.bytes);
}

static void open_now(fuse_req_t req, struct fuse_file_info *fi, const struct node *node)
{
    int error = 0;
    GBytes *bytes = open_bytes(ops_fs(req), node, &error);
    if (bytes)
        reply_handle(req, fi, node, bytes);
    else
        fuse_reply_err(req, error);
}

static void listed_open(struct parked *parked, int error)
{
    struct fuse_file_info fi = {.flags = parked->flags};
    const struct node *node = tree_get(parked->fs->tree, parked->node);
    const struct service *service = node ? service_get(parked->fs, node->owner) : NULL;
    gboolean ended = error == EINTR || error == ENOTCONN;
    if (!service || ended || !service->view) /* with every server down the last list is served */
        fuse_reply_err(parked->req, error ? error : ENOENT);
    else
        open_now(parked->req, &fi, node);
}

static void open_listed(fuse_req_t req, struct fuse_file_info *fi, const struct node *node)
{
    struct service *service = service_get(ops_fs(req), node->owner);
    struct parked *parked = ops_park(req, node->id, "", listed_open);
    parked->flags = fi->flags;
    parked->count = &service->parked;
    interest_opened(service);
    struct waiter *waiter = service_need_list(service, TRUE, parked_told, parked);
    if (waiter)
        ops_wait(parked, waiter);
    else
        parked_told(parked, 0);
}

static gboolean is_writable(const struct node *node)
{
    return node->kind == NODE_HOST || (node->file && node->file->writable);
}

static void open_to_write(fuse_req_t req, struct fuse_file_info *fi, const struct node *node)
{
    int error = ops_may_write(req);
    if (ops_is_poke(req, node)) {
        struct handle *handle = handle_new(ops_fs(req), node, NULL);
        handle->poked = TRUE;
        set_flags(fi, handle);
        kept_handle(handle);
        if (fuse_reply_open(req, fi) == -ENOENT)
            handle_close(handle);
    } else if (error || !is_writable(node)) {
        fuse_reply_err(req, error ? error : EPERM);
    } else {
        open_now(req, fi, node);
    }
}

void ops_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct fs *fs = ops_fs(req);
    const struct node *node = tree_get(fs->tree, ino);
    struct service *service = node ? service_get(fs, node->owner) : NULL;
    if (ops_was_opened(req, fi)) {
        fuse_reply_open(req, fi);
    } else if (!node || (node->kind != NODE_DOT_FILE && !service)) {
        fuse_reply_err(req, ENOENT);
    } else if (writes(fi->flags)) {
        open_to_write(req, fi, node);
    } else if (needs_list(node)) {
        open_listed(req, fi, node);
    } else {
        if (node->kind == NODE_HOST)
            interest_opened(service);
        open_now(req, fi, node);
    }
}

/* --- CREATE in hosts/ ---------------------------------------------------------------------- */

static void create_host(fuse_req_t req, struct service *service, const char *name,
                        struct fuse_file_info *fi)
{
    struct fs *fs = ops_fs(req);
    g_auto(instance) record = {0};
    g_autofree char *why = NULL;
    struct host *host = hosts_find(&service->hosts, name);
    gboolean new = !host || !host->wanted;
    instance_init(&record);
    if (!address_parse_host_name(name, &record, &why)) {
        fuse_reply_err(req, error_note(fs, EINVAL, service->path, why));
        return;
    }
    if (new)
        host = hosts_create(&service->hosts, name, &record);
    else /* listed, its CREATE was only not announced yet: this is it */
        hosts_set_visible(&service->hosts, host, TRUE);
    const struct node *node = tree_obtain(fs->tree, NODE_HOST, service->id, host->name, NULL);
    struct handle *handle = handle_new(fs, node, g_bytes_ref(host->version.bytes));
    handle->created = new;
    set_flags(fi, handle);
    kept_handle(handle);
    guint64 id = handle->id;
    if (ops_reply_create(req, service->id, name, fi))
        return;
    handle_close(handle_get(fs, id));
    hosts_abandon(&service->hosts, host);
}

void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                struct fuse_file_info *fi)
{
    struct fs *fs = ops_fs(req);
    const struct node *node = tree_get(fs->tree, parent);
    struct service *service =
        node && node->kind == NODE_HOSTS ? service_get(fs, node->owner) : NULL;
    int error = ops_may_write(req);
    if (service && ops_was_opened(req, fi))
        ops_reply_create(req, service->id, name, fi);
    else if (error || !service)
        fuse_reply_err(req, error ? error : EPERM);
    else
        create_host(req, service, name, fi);
}

/* --- READ ---------------------------------------------------------------------------------- */

/* As in sysfs: who polls reads from 0 afterwards, and that is the newest version then. */
static void renew(struct handle *handle)
{
    const struct node *node = tree_get(handle->fs->tree, handle->node);
    gint64 newest = handle_newest(handle);
    int error;
    if (newest == handle->seen_ns)
        return;
    GBytes *bytes = newest ? open_bytes(handle->fs, node, &error) : NULL;
    handle->seen_ns = newest;
    if (bytes)
        handle_set_bytes(handle, bytes);
}

void ops_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    struct handle *handle = handle_get(ops_fs(req), fi->fh);
    gsize length;
    if (!handle) {
        fuse_reply_err(req, EBADF);
        return;
    }
    if (events_reader(handle->fs, handle->id)) {
        ops_read_stream(req, ino, size, fi);
        return;
    }
    if (off == 0 && handle->polled)
        renew(handle);
    const char *bytes = g_bytes_get_data(handle->bytes, &length);
    if ((guint64)off >= length)
        fuse_reply_buf(req, NULL, 0);
    else
        fuse_reply_buf(req, bytes + off, MIN(size, length - (gsize)off));
}
