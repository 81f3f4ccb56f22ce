/* SPDX-License-Identifier: MIT */
#include "fs/group.h"
#include "fs/kept.h"
#include "fs/pack.h"
#include "fs/render_dir.h"
#include "fs/restore_private.h"
#include "fs/service.h"

/* --- groups, services, hosts --------------------------------------------------------------- */

static gboolean restore_root(struct fs *fs, struct record *record)
{
    fs->root.kept = record;
    fs->root.listing.answers = (guint)record->words[0];
    fs->root.mtime_ns = (gint64)record->words[1];
    return TRUE;
}

static gboolean restore_group(struct fs *fs, struct record *record)
{
    g_autofree char *name = state_get_bytes(fs->state, record, NULL);
    struct group *group = group_restore(fs, record->id, name);
    if (!group)
        return FALSE;
    group->kept = record;
    group->visible = restore_has(record, 0, KEPT_VISIBLE);
    group->known = restore_has(record, 0, KEPT_KNOWN);
    group->pinned = restore_has(record, 0, KEPT_PINNED);
    group->listing.answers = restore_has(record, 0, KEPT_ANSWERED);
    group->mtime_ns = (gint64)record->words[1];
    return TRUE;
}

static gboolean restore_service(struct fs *fs, struct record *record)
{
    g_autofree char *name = state_get_bytes(fs->state, record, NULL);
    struct group *group = group_get(fs, record->words[2]);
    struct service *service = group ? service_restore(group, record->id, name) : NULL;
    if (!service)
        return FALSE;
    service->kept = record;
    service->visible = restore_has(record, 0, KEPT_VISIBLE);
    service->known = restore_has(record, 0, KEPT_KNOWN);
    service->pinned = restore_has(record, 0, KEPT_PINNED);
    service->hidden = restore_has(record, 0, KEPT_HIDDEN);
    service->subscribed = restore_has(record, 0, KEPT_SUBSCRIBED);
    service->mtime_ns = (gint64)record->words[1];
    service->opened = (gint64)record->words[3];
    service->renderings.visible = (guint)(record->words[0] >> KEPT_FORMATS_SHIFT);
    service->renderings.mtime_ns = (gint64)record->words[4];
    service->hosts.mtime_ns = (gint64)record->words[5];
    return TRUE;
}

static gboolean restore_content(struct fs *fs, struct record *record)
{
    struct service *service = service_get(fs, record->id);
    if (!service || record->words[0] >= CONTENT_COUNT || service->contents[record->words[0]].kept)
        return FALSE;
    struct content_file *content = &service->contents[record->words[0]];
    content->kept = record;
    version_resume(&content->version, (gint64)record->words[1], (gint64)record->words[2]);
    return TRUE;
}

static gboolean restore_host(struct fs *fs, struct record *record)
{
    g_autofree char *name = state_get_bytes(fs->state, record, NULL);
    struct service *service = service_get(fs, record->words[0]);
    struct host *host = service ? hosts_restore(&service->hosts, record->id, name) : NULL;
    if (!host)
        return FALSE;
    host->kept = record;
    host->visible = restore_has(record, 1, KEPT_VISIBLE);
    host->wanted = restore_has(record, 1, KEPT_WANTED);
    host->created = restore_has(record, 1, KEPT_CREATED);
    version_resume(&host->version, (gint64)record->words[2], (gint64)record->words[3]);
    host->version.changed &= host->visible;
    if (host->created)
        hosts_restore_created(host);
    return TRUE;
}

/* A file that was not announced yet is owed: which version had been told is of no interest. */
static gboolean restore_cluster(struct fs *fs, struct record *record)
{
    struct service *service = service_get(fs, record->id);
    g_autofree char *name = state_get_bytes(fs->state, record, NULL);
    struct cluster *cluster =
        service ? clusters_restore(&service->clusters, record->words[5], name) : NULL;
    if (!cluster)
        return FALSE;
    cluster->kept = record;
    cluster->visible = restore_has(record, 0, KEPT_VISIBLE);
    for (int i = 0; i < CONTENT_COUNT; i++) {
        gint64 mtime_ns = (gint64)record->words[1 + i];
        gboolean owed = (record->words[0] >> (KEPT_OWED_SHIFT + i)) & 1;
        version_resume(&cluster->files[i], mtime_ns, owed ? mtime_ns - 1 : mtime_ns);
    }
    service->clusters.mtime_ns = (gint64)record->words[4];
    return TRUE;
}

static gboolean restore_format(struct fs *fs, struct record *record)
{
    if (record->id >= RENDER_FORMATS || render_directory(fs, (guint)record->id)->kept)
        return FALSE;
    struct format_directory *directory = render_directory(fs, (guint)record->id);
    directory->kept = record;
    directory->mtime_ns = (gint64)record->words[0];
    return TRUE;
}

static gboolean restore_rendered(struct fs *fs, struct record *record)
{
    struct service *service = service_get(fs, record->id);
    struct rendered *rendered = service ? rendered_restore(service, record->words[0]) : NULL;
    if (!rendered)
        return FALSE;
    rendered->kept = record;
    rendered->read = restore_has(record, 1, KEPT_READ);
    version_resume(&rendered->version, (gint64)record->words[2], (gint64)record->words[3]);
    return TRUE;
}

/* --- lists --------------------------------------------------------------------------------- */

/* Unpacked when somebody looks at the service, or by and by (restore_services.c). */
static gboolean restore_view(struct fs *fs, struct record *record)
{
    struct service *service = service_get(fs, record->id);
    if (!service || service->kept_view)
        return FALSE;
    service->kept_view = record;
    service->asleep_hosts = (guint)record->words[1];
    return TRUE;
}

static gboolean restore_list(struct fs *fs, struct record *record)
{
    struct service *service = service_get(fs, record->id);
    if (!service || !service->kept_view || service->kept_list)
        return FALSE;
    service->kept_list = record;
    return TRUE;
}

static gboolean restore_overlay(struct fs *fs, struct record *record)
{
    struct service *service = service_get(fs, record->id);
    gsize length;
    g_autofree char *bytes = state_get_bytes(fs->state, record, &length);
    struct overlay_entry entry = {.since = (gint64)record->words[0],
                                  .until = (gint64)record->words[1],
                                  .gone = record->words[2] != 0};
    if (!service || !unpack_instance(bytes, length, &entry.instance))
        return FALSE;
    overlay_restore(&service->overlay, &entry);
    g_ptr_array_add(service->kept_overlay, record);
    return TRUE;
}

/* --- all of it ----------------------------------------------------------------------------- */

static void entries_restored(struct fs *fs)
{
    for (guint i = slots_high(fs->services); i > 0; i--) {
        struct service *service = slots_at(fs->services, i);
        if (service)
            slots_restored(service->hosts.slots);
        if (service && service->clusters.slots)
            slots_restored(service->clusters.slots);
    }
}

void restore_shown(struct fs *fs)
{
    restore_each(fs, RECORD_ROOT, restore_root);
    restore_each(fs, RECORD_GROUP, restore_group);
    slots_restored(fs->groups);
    root_configure(fs);
    restore_each(fs, RECORD_SERVICE, restore_service);
    slots_restored(fs->services);
    restore_each(fs, RECORD_CONTENT, restore_content);
    restore_each(fs, RECORD_HOST, restore_host);
    restore_each(fs, RECORD_CLUSTER, restore_cluster);
    entries_restored(fs);
    restore_each(fs, RECORD_FORMAT, restore_format);
    restore_each(fs, RECORD_RENDERED, restore_rendered);
    restore_each(fs, RECORD_VIEW, restore_view);
    restore_each(fs, RECORD_LIST, restore_list);
    restore_each(fs, RECORD_OVERLAY, restore_overlay);
}
