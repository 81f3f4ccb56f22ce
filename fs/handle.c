/* SPDX-License-Identifier: MIT */
#include "fs/handle.h"

#include "fs/events.h"
#include "fs/kept.h"
#include "fs/lease.h"
#include "fs/pollers.h"
#include "fs/service.h"
#include "fs/session.h"
#include "fs/snapshots.h"

static gint64 newest(const struct fs *fs, const struct node *node)
{
    struct service *service = service_get(fs, node->owner);
    const struct version *file = service ? cluster_file(service, node) : NULL;
    const struct host *host = NULL;
    if (service && node->kind == NODE_HOST)
        host = hosts_find(&service->hosts, node->name);
    if (host || file)
        return host ? host->version.mtime_ns : file->mtime_ns;
    if (service && node->kind == NODE_RENDERED)
        return rendered_mtime(service, (guint)render_format_find(node->name));
    if (!service || node->kind != NODE_SERVICE_FILE || node->file->content == CONTENT_NONE)
        return 0;
    return service->contents[node->file->content].version.mtime_ns;
}

gint64 handle_newest(const struct handle *handle)
{
    const struct node *node = tree_get(handle->fs->tree, handle->node);
    return node ? newest(handle->fs, node) : handle->seen_ns;
}

static struct handle *handle_make(struct fs *fs, const struct node *node, GBytes *bytes)
{
    struct handle *handle = g_new0(struct handle, 1);
    handle->fs = fs;
    handle->node = node->id;
    handle->bytes = bytes ? bytes : g_bytes_new_static("", 0);
    handle->pending = g_string_new(NULL);
    if (node->kind == NODE_SERVICE_FILE || node->kind == NODE_HOST ||
        node->kind == NODE_CLUSTER_FILE || node->kind == NODE_RENDERED ||
        node->kind == NODE_RENDERED_TEMP)
        handle->service = node->owner;
    if (node->kind == NODE_HOST)
        handle->host = g_strdup(node->name);
    if (node->file) {
        handle->line = node->file->line;
        handle->stream = node->file->stream;
    }
    return handle;
}

struct handle *handle_new(struct fs *fs, const struct node *node, GBytes *bytes)
{
    struct handle *handle = handle_make(fs, node, bytes);
    handle->seen_ns = newest(fs, node);
    handle->unique = session_current(fs->session)->unique;
    handle->snapshot = snapshots_hold(fs->snapshots, handle->bytes);
    handle->id = slots_add(fs->handles, handle);
    return handle;
}

struct handle *handle_restore(struct fs *fs, guint64 id, const struct node *node, GBytes *bytes)
{
    struct handle *handle = handle_make(fs, node, bytes);
    handle->id = id;
    if (slots_put(fs->handles, id, handle))
        return handle;
    handle_free(handle);
    return NULL;
}

void handle_set_bytes(struct handle *handle, GBytes *bytes)
{
    struct snapshots *snapshots = handle->fs->snapshots;
    guint64 old = handle->snapshot;
    g_bytes_unref(handle->bytes);
    handle->bytes = bytes;
    handle->snapshot = snapshots_hold(snapshots, bytes);
    kept_handle(handle);
    snapshots_release(snapshots, old);
}

struct handle *handle_get(const struct fs *fs, guint64 id)
{
    return slots_get(fs->handles, id);
}

void handle_interested(struct handle *handle)
{
    struct service *service = service_get(handle->fs, handle->service);
    if (!service || handle->interested)
        return;
    handle->interested = TRUE;
    service->handles++;
}

void handle_close(struct handle *handle)
{
    struct service *service = service_get(handle->fs, handle->service);
    if (service && handle->interested) {
        service->handles--;
        service->opened = g_get_monotonic_time(); /* idle_timeout begins now */
        kept_service(service);
    }
    if (handle->fs->reopened)
        g_hash_table_remove(handle->fs->reopened, &handle->unique);
    events_close(handle);
    lease_end(handle);
    kept_drop(handle->fs, &handle->kept);
    snapshots_release(handle->fs->snapshots, handle->snapshot);
    slots_remove(handle->fs->handles, handle->id);
}

void handle_free(gpointer item)
{
    struct handle *handle = item;
    poller_free(handle->poller);
    stream_place_clear(&handle->read.before);
    g_bytes_unref(handle->bytes);
    g_string_free(handle->pending, TRUE);
    g_free(handle->host);
    g_free(handle);
}
