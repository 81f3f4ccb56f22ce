/* SPDX-License-Identifier: MIT */
#include "fs/content_file.h"

#include "fs/kept.h"
#include "fs/service.h"
#include "fs/tree.h"

#include <errno.h>

static gboolean is_held(const struct service *service, enum node_kind kind, const char *name)
{
    return tree_find(service->fs->tree, kind, service->id, name) != NULL;
}

static enum mirror_turn content_next(gpointer owner, enum mirror_op *op, char **path,
                                     gint64 *not_before)
{
    struct content_file *content = owner;
    const struct service *service = content->service;
    if (!content->version.changed)
        return MIRROR_NOTHING;
    if (!is_held(service, NODE_SERVICE_FILE, content->file->name) &&
        !is_held(service, NODE_SERVICE, service->shown)) {
        version_settle(&content->version); /* nobody can be watching */
        kept_content(content);
        return MIRROR_NOTHING;
    }
    gint64 now = g_get_monotonic_time();
    *not_before =
        service_is_coming(service) ? now + SERVICE_COMING_GAP : version_due(&content->version);
    if (*not_before > now)
        return MIRROR_LATER;
    version_telling(&content->version);
    *op = MIRROR_POKE;
    *path = g_strconcat(service->path, "/", content->file->name, NULL);
    return MIRROR_ORDER;
}

static void content_done(gpointer owner, enum mirror_op op, const char *path, int error)
{
    struct content_file *content = owner;
    if (error)
        g_debug("announcing %s: %s", path, g_strerror(error));
    if (error == EINTR) {
        version_again(&content->version);
        return;
    }
    version_told(&content->version);
    kept_content(content);
}

static const struct mirror_lane_class content_lane = {content_next, content_done, NULL};

void contents_init(struct service *service)
{
    for (int i = 0; i < CONTENT_COUNT; i++) {
        struct content_file *content = &service->contents[i];
        content->service = service;
        content->file = layout_content(i);
        version_init(&content->version, service->mtime_ns);
        mirror_lane_init(&content->lane, &content_lane, content);
    }
}

void content_resume(struct content_file *content)
{
    struct service *service = content->service;
    version_take(&content->version, content->file->render(service->view), FALSE);
    if (content->version.changed)
        mirror_mark(service->fs->mirror, &content->lane);
}

void content_update(struct content_file *content, gboolean announce)
{
    struct service *service = content->service;
    if (!version_take(&content->version, content->file->render(service->view), announce))
        return;
    kept_content(content);
    if (announce)
        mirror_mark(service->fs->mirror, &content->lane);
}
