/* SPDX-License-Identifier: MIT */
#include "fs/content_file.h"

#include "fs/kept.h"
#include "fs/service.h"
#include "fs/tree.h"

#include <errno.h>

#define ANNOUNCE_GAP (100 * 1000) /* us between two announcements of one file */

static gboolean is_held(const struct service *service, enum node_kind kind, const char *name)
{
    return tree_find(service->fs->tree, kind, service->id, name) != NULL;
}

static enum mirror_turn content_next(gpointer owner, enum mirror_op *op, char **path,
                                     gint64 *not_before)
{
    struct content_file *content = owner;
    const struct service *service = content->service;
    if (!content->changed)
        return MIRROR_NOTHING;
    if (!is_held(service, NODE_SERVICE_FILE, content->file->name) &&
        !is_held(service, NODE_SERVICE, service->shown)) {
        content->changed = FALSE; /* nobody can be watching */
        content->told_ns = content->mtime_ns;
        kept_content(content);
        return MIRROR_NOTHING;
    }
    gint64 now = g_get_monotonic_time();
    if (service_is_coming(service)) {
        *not_before = now + ANNOUNCE_GAP;
        return MIRROR_LATER;
    }
    if (content->announced_at && now - content->announced_at < ANNOUNCE_GAP) {
        *not_before = content->announced_at + ANNOUNCE_GAP;
        return MIRROR_LATER;
    }
    content->changed = FALSE;
    content->announced_at = now;
    content->telling_ns = content->mtime_ns;
    *op = MIRROR_POKE;
    *path = g_strconcat(service->path, "/", content->file->name, NULL);
    return MIRROR_ORDER;
}

static void content_done(gpointer owner, enum mirror_op op, const char *path, int error)
{
    struct content_file *content = owner;
    if (error == 0) {
        content->told_ns = content->telling_ns;
        kept_content(content);
        return;
    }
    g_debug("announcing %s: %s", path, g_strerror(error));
    if (error == EINTR) { /* the helper died: once more, at once */
        content->changed = TRUE;
        content->announced_at = 0;
    }
}

static const struct mirror_lane_class content_lane = {content_next, content_done, NULL};

void contents_init(struct service *service)
{
    for (int i = 0; i < CONTENT_COUNT; i++) {
        struct content_file *content = &service->contents[i];
        content->service = service;
        content->file = layout_content(i);
        content->mtime_ns = content->told_ns = service->mtime_ns;
        mirror_lane_init(&content->lane, &content_lane, content);
    }
}

void content_update(struct content_file *content, gboolean announce)
{
    struct service *service = content->service;
    g_autoptr(GBytes) bytes = content->file->render(service->view);
    if (content->bytes && g_bytes_equal(content->bytes, bytes))
        return;
    g_clear_pointer(&content->bytes, g_bytes_unref);
    content->bytes = g_steal_pointer(&bytes);
    content->mtime_ns = service_next_mtime(content->mtime_ns);
    content->changed |= announce;
    if (!content->changed)
        content->told_ns = content->mtime_ns;
    kept_content(content);
    if (announce)
        mirror_mark(service->fs->mirror, &content->lane);
}
