/* SPDX-License-Identifier: MIT */
#include "fs/handle.h"

#include "fs/events.h"
#include "fs/lease.h"
#include "fs/pollers.h"
#include "fs/service.h"

static gint64 newest(const struct fs *fs, const struct node *node)
{
    const struct service *service = service_get(fs, node->owner);
    const struct host *host = NULL;
    if (service && node->kind == NODE_HOST)
        host = hosts_find(&service->hosts, node->name);
    if (host)
        return host->mtime_ns;
    if (!service || node->kind != NODE_SERVICE_FILE || node->file->content == CONTENT_NONE)
        return 0;
    return service->contents[node->file->content].mtime_ns;
}

gint64 handle_newest(const struct handle *handle)
{
    const struct node *node = tree_get(handle->fs->tree, handle->node);
    return node ? newest(handle->fs, node) : handle->seen_ns;
}

struct handle *handle_new(struct fs *fs, const struct node *node, GBytes *bytes)
{
    struct handle *handle = g_new0(struct handle, 1);
    handle->fs = fs;
    handle->node = node->id;
    handle->bytes = bytes ? bytes : g_bytes_new_static("", 0);
    handle->pending = g_string_new(NULL);
    if (node->kind == NODE_SERVICE_FILE || node->kind == NODE_HOST)
        handle->service = node->owner;
    if (node->kind == NODE_HOST)
        handle->host = g_strdup(node->name);
    if (node->file)
        handle->line = node->file->line;
    handle->seen_ns = newest(fs, node);
    handle->id = slots_add(fs->handles, handle);
    return handle;
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
    }
    events_close(handle);
    lease_end(handle);
    slots_remove(handle->fs->handles, handle->id);
}

void handle_free(gpointer item)
{
    struct handle *handle = item;
    poller_free(handle->poller);
    g_bytes_unref(handle->bytes);
    g_string_free(handle->pending, TRUE);
    g_free(handle->host);
    g_free(handle);
}
