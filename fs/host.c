/* SPDX-License-Identifier: MIT */
#include "fs/host.h"

#include "fs/address.h"
#include "fs/kept.h"
#include "fs/registered.h"
#include "fs/render.h"
#include "fs/service.h"
#include "fs/tree.h"

#include <errno.h>
#include <string.h>

static void host_free(gpointer item)
{
    struct host *host = item;
    g_free(host->name);
    instance_clear(&host->record);
    version_clear(&host->version);
    g_free(host);
}

static gboolean is_owed(const struct host *host)
{
    return host->visible != host->wanted || (host->version.changed && host->visible);
}

static void drop_if_gone(struct hosts *hosts, struct host *host)
{
    if (host->visible || host->wanted)
        return;
    if (host->queued)
        g_queue_remove(&hosts->owed, host);
    kept_drop(hosts->service->fs, &host->kept);
    g_hash_table_remove(hosts->by_name, host->name);
    slots_remove(hosts->slots, host->id);
}

/* --- the lane ------------------------------------------------------------------------------ */

static gboolean hosts_held(const struct hosts *hosts, const struct host *host)
{
    const struct service *service = hosts->service;
    struct tree *tree = service->fs->tree;
    return tree_find(tree, NODE_HOSTS, service->id, LAYOUT_HOSTS) ||
           tree_find(tree, NODE_HOST, service->id, host->name);
}

/* The call that `host` needs next; MIRROR_NOTHING settles it. */
static enum mirror_turn host_turn(struct hosts *hosts, struct host *host, enum mirror_op *op,
                                  gint64 *not_before)
{
    gint64 now = g_get_monotonic_time();
    if (!is_owed(host))
        return MIRROR_NOTHING;
    if (!hosts_held(hosts, host)) { /* nobody can be watching */
        host->visible = host->wanted;
        version_settle(&host->version);
        kept_host(hosts, host);
        return MIRROR_NOTHING;
    }
    if (service_is_coming(hosts->service)) {
        *not_before = now + SERVICE_COMING_GAP;
        return MIRROR_LATER;
    }
    if (host->visible != host->wanted) {
        *op = host->wanted ? MIRROR_MKNOD : MIRROR_UNLINK;
        return MIRROR_ORDER;
    }
    *not_before = version_due(&host->version);
    if (*not_before > now)
        return MIRROR_LATER;
    version_telling(&host->version);
    *op = MIRROR_POKE;
    return MIRROR_ORDER;
}

static enum mirror_turn hosts_next(gpointer owner, enum mirror_op *op, char **path,
                                   gint64 *not_before)
{
    struct hosts *hosts = owner;
    gint64 earliest = G_MAXINT64;
    for (guint n = hosts->owed.length; n; n--) {
        struct host *host = g_queue_pop_head(&hosts->owed);
        gint64 when = 0;
        enum mirror_turn turn = host_turn(hosts, host, op, &when);
        host->queued = turn != MIRROR_NOTHING;
        if (turn == MIRROR_NOTHING) {
            drop_if_gone(hosts, host);
            continue;
        }
        g_queue_push_tail(&hosts->owed, host);
        if (turn == MIRROR_ORDER) {
            *path = g_strconcat(hosts->service->path, "/" LAYOUT_HOSTS "/", host->name, NULL);
            return MIRROR_ORDER;
        }
        earliest = MIN(earliest, when);
    }
    if (hosts_are_settled(hosts))
        waiters_wake(&hosts->settled, 0);
    *not_before = earliest;
    return earliest < G_MAXINT64 ? MIRROR_LATER : MIRROR_NOTHING;
}

/* EEXIST, ENOENT: a user was first, and the FUSE request of that user has set `visible` already. */
static void hosts_done(gpointer owner, enum mirror_op op, const char *path, int error)
{
    struct hosts *hosts = owner;
    struct host *host = hosts_find(hosts, strrchr(path, '/') + 1);
    if (!host)
        return;
    if (error)
        g_debug("announcing %s: %s", path, g_strerror(error));
    if (op == MIRROR_POKE && error == EINTR)
        version_again(&host->version);
    else if (op == MIRROR_POKE)
        version_told(&host->version);
    else if (error && error != EINTR)
        host->visible = op == MIRROR_MKNOD; /* no event can be had for it */
    kept_host(hosts, host);
}

static gboolean hosts_gated(gpointer owner)
{
    const struct hosts *hosts = owner;
    return hosts->parked > 0;
}

static const struct mirror_lane_class hosts_lane = {hosts_next, hosts_done, hosts_gated};

static void owe(struct hosts *hosts, struct host *host)
{
    if (host->queued || !is_owed(host))
        return;
    host->queued = TRUE;
    g_queue_push_tail(&hosts->owed, host);
    mirror_mark(hosts->service->fs->mirror, &hosts->lane);
}

/* --- entries ------------------------------------------------------------------------------- */

void hosts_init(struct hosts *hosts, struct service *service)
{
    hosts->service = service;
    hosts->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    hosts->slots = slots_new(host_free);
    hosts->mtime_ns = version_next_mtime(0);
    g_queue_init(&hosts->owed);
    mirror_lane_init(&hosts->lane, &hosts_lane, hosts);
}

void hosts_clear(struct hosts *hosts)
{
    mirror_lane_remove(hosts->service->fs->mirror, &hosts->lane);
    waiters_clear(&hosts->settled);
    g_queue_clear(&hosts->owed);
    g_hash_table_unref(hosts->by_name);
    for (guint i = slots_high(hosts->slots); i > 0; i--) {
        struct host *host = slots_at(hosts->slots, i);
        if (host)
            kept_drop(hosts->service->fs, &host->kept);
    }
    slots_free(hosts->slots);
}

struct host *hosts_find(const struct hosts *hosts, const char *name)
{
    return g_hash_table_lookup(hosts->by_name, name);
}

static struct host *host_obtain(struct hosts *hosts, const char *name)
{
    struct host *host = hosts_find(hosts, name);
    if (host)
        return host;
    host = g_new0(struct host, 1);
    host->name = g_strdup(name);
    host->id = slots_add(hosts->slots, host);
    g_hash_table_insert(hosts->by_name, host->name, host);
    return host;
}

struct host *hosts_restore(struct hosts *hosts, guint64 id, const char *name)
{
    struct host *host = g_new0(struct host, 1);
    host->name = g_strdup(name);
    host->id = id;
    if (!hosts_find(hosts, name) && slots_put(hosts->slots, id, host)) {
        g_hash_table_insert(hosts->by_name, host->name, host);
        return host;
    }
    host_free(host);
    return NULL;
}

static void host_set_record(struct host *host, const struct instance *record)
{
    if (host->version.bytes && instance_equal(&host->record, record))
        return;
    instance_clear(&host->record);
    instance_copy(&host->record, record);
    version_take(&host->version, render_host(record), host->version.bytes && host->visible);
}

static void want(struct hosts *hosts, const struct instance *record)
{
    g_autofree char *name = address_host_name(record);
    if (!name) /* too long for a file name: `instances` shows it all the same */
        return;
    struct host *host = host_obtain(hosts, name);
    host->wanted = TRUE;
    host->created = FALSE;
    host->round = hosts->round;
    host_set_record(host, record);
}

/* What the directory lists is another. */
static void entries_changed(struct hosts *hosts)
{
    hosts->mtime_ns = version_next_mtime(hosts->mtime_ns);
    kept_service(hosts->service);
}

static void settle_one(struct hosts *hosts, struct host *host, gboolean silent)
{
    if (host->round != hosts->round && !host->created)
        host->wanted = FALSE;
    if (host->visible != host->wanted)
        entries_changed(hosts);
    if (silent) {
        host->visible = host->wanted;
        version_settle(&host->version);
    }
    kept_host(hosts, host);
    if (silent)
        drop_if_gone(hosts, host);
    else
        owe(hosts, host);
}

void hosts_update(struct hosts *hosts, gboolean silent)
{
    const struct service *service = hosts->service;
    hosts->round++;
    for (guint i = 0; service->view && i < service->view->n_hosts; i++)
        want(hosts, &service->view->hosts[i]);
    /* Ours that no list shows: disabled ones, and all while no list is held. */
    for (guint i = 0; i < service->registrations->len; i++) {
        const struct registered *own = g_ptr_array_index(service->registrations, i);
        if (!own->ending && (!service->view || !service_info_find(service->view, &own->instance)))
            want(hosts, &own->instance);
    }
    for (guint i = slots_high(hosts->slots); i > 0; i--) {
        struct host *host = slots_at(hosts->slots, i);
        if (host)
            settle_one(hosts, host, silent);
    }
    if (hosts_are_settled(hosts))
        waiters_wake(&hosts->settled, 0);
}

gboolean hosts_restore_created(struct host *host)
{
    g_auto(instance) record = {0};
    g_autofree char *why = NULL;
    instance_init(&record);
    if (!address_parse_host_name(host->name, &record, &why))
        return FALSE;
    host_set_record(host, &record);
    return TRUE;
}

struct host *hosts_create(struct hosts *hosts, const char *name, const struct instance *record)
{
    struct host *host = host_obtain(hosts, name);
    host_set_record(host, record);
    host->created = host->wanted = TRUE;
    hosts_set_visible(hosts, host, TRUE);
    return host;
}

void hosts_set_visible(struct hosts *hosts, struct host *host, gboolean visible)
{
    if (host->visible != visible)
        entries_changed(hosts);
    host->visible = visible;
    if (visible) /* a name that was not there has no reader to tell */
        version_settle(&host->version);
    kept_host(hosts, host);
    if (visible)
        return;
    if (!host->wanted)
        drop_if_gone(hosts, host);
}

void hosts_abandon(struct hosts *hosts, struct host *host)
{
    if (!host->created)
        return;
    host->created = FALSE;
    host->wanted = FALSE;
    kept_host(hosts, host);
    owe(hosts, host);
}

gboolean hosts_are_settled(const struct hosts *hosts)
{
    for (const GList *at = hosts->owed.head; at; at = at->next) {
        const struct host *host = at->data;
        if (host->visible != host->wanted)
            return FALSE;
    }
    return TRUE;
}
