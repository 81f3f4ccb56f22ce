/* SPDX-License-Identifier: MIT */
#include "fs/service.h"

#include "fs/error.h"
#include "fs/events.h"
#include "fs/interest.h"
#include "fs/kept.h"
#include "fs/names.h"
#include "fs/pollers.h"
#include "fs/registered.h"
#include "fs/state.h"
#include "fs/tree.h"

#include <string.h>

#define OVERLAY_TOGETHER 100 /* ms by which an end may be late */

/* --- life ---------------------------------------------------------------------------------- */

static struct service *service_make(struct group *group, const char *name)
{
    struct service *service = g_new0(struct service, 1);
    service->fs = group->fs;
    service->group = group;
    service->key.group = g_strdup(group->name);
    service->key.name = g_strdup(name);
    service->shown = names_encode(name);
    service->path = g_strconcat(group->shown, "/", service->shown, NULL);
    service->registrations = g_ptr_array_new();
    service->kept_overlay = g_ptr_array_new();
    service->mtime_ns = version_next_mtime(0);
    contents_init(service);
    hosts_init(&service->hosts, service);
    renderings_init(service);
    clusters_init(&service->clusters, service);
    return service;
}

struct service *service_new(struct group *group, const char *name)
{
    struct service *service = service_make(group, name);
    service->id = slots_add(group->fs->services, service);
    g_hash_table_insert(group->services, service->shown, service);
    kept_service(service);
    return service;
}

struct service *service_restore(struct group *group, guint64 id, const char *name)
{
    struct service *service = service_make(group, name);
    service->id = id;
    if (service->shown && !g_hash_table_contains(group->services, service->shown) &&
        slots_put(group->fs->services, id, service)) {
        g_hash_table_insert(group->services, service->shown, service);
        return service;
    }
    service_free(service);
    return NULL;
}

static void unkeep(struct service *service)
{
    struct fs *fs = service->fs;
    kept_drop(fs, &service->kept);
    kept_drop(fs, &service->kept_view);
    kept_drop(fs, &service->kept_list);
    for (int i = 0; i < CONTENT_COUNT; i++)
        kept_drop(fs, &service->contents[i].kept);
    for (guint i = 0; i < service->kept_overlay->len; i++)
        state_remove(fs->state, service->kept_overlay->pdata[i]);
    g_ptr_array_unref(service->kept_overlay);
}

void service_free(gpointer item)
{
    struct service *service = item;
    g_clear_pointer(&service->wait_call, naming_call_cancel);
    g_clear_pointer(&service->list_call, naming_call_cancel);
    g_clear_handle_id(&service->overlay_timer, g_source_remove);
    unkeep(service);
    waiters_clear(&service->waiters);
    waiters_clear(&service->event_waiters);
    g_clear_pointer(&service->list, service_info_unref);
    g_clear_pointer(&service->view, service_info_unref);
    overlay_clear(&service->overlay);
    for (int i = 0; i < CONTENT_COUNT; i++) {
        mirror_lane_remove(service->fs->mirror, &service->contents[i].lane);
        version_clear(&service->contents[i].version);
    }
    hosts_clear(&service->hosts);
    renderings_clear(service);
    clusters_clear(&service->clusters);
    g_ptr_array_unref(service->registrations);
    g_free(service->key.group);
    g_free(service->key.name);
    g_free(service->shown);
    g_free(service->path);
    g_free(service);
}

struct service *service_get(const struct fs *fs, guint64 id)
{
    struct service *service = slots_get(fs->services, id);
    if (service)
        service_wake(service);
    return service;
}

struct service *service_of_key(const struct fs *fs, const struct service_key *key)
{
    g_autofree char *group_shown = names_encode(key->group);
    g_autofree char *shown = names_encode(key->name);
    const struct group *group = group_shown ? group_find(fs, group_shown) : NULL;
    return group && shown ? group_service(group, shown) : NULL;
}

/* --- lists --------------------------------------------------------------------------------- */

static gboolean is_fresh(const struct service *service, gboolean subscribe)
{
    if (!service->view)
        return FALSE;
    if (subscribe)
        return service->list_until == G_MAXINT64;
    return service->list_until > g_get_monotonic_time();
}

static void list_done(struct service *service, const struct naming_result *result,
                      struct service_info *info, gint64 until)
{
    if (info && info != service->list)
        service_take_list(service, info, until);
    waiters_wake(&service->waiters, error_report(service->fs, result, service->path));
}

static void subscribed_list_done(const struct naming_result *result, struct service_info *info,
                                 gpointer user_data)
{
    struct service *service = user_data;
    service->wait_call = NULL;
    list_done(service, result, info, service->subscribed ? G_MAXINT64 : 0);
}

static void plain_list_done(const struct naming_result *result, struct service_info *info,
                            gpointer user_data)
{
    struct service *service = user_data;
    service->list_call = NULL;
    if (service->list_until == G_MAXINT64) /* a subscribed one came first: it is newer */
        info = NULL;
    list_done(service, result, info, info ? g_get_monotonic_time() + info->cache_millis * 1000 : 0);
}

struct waiter *service_need_list(struct service *service, gboolean subscribe, wait_fn fn,
                                 gpointer user_data)
{
    struct naming *naming = service->fs->naming;
    if (is_fresh(service, subscribe))
        return NULL;
    if (service->subscribed) {
        if (!service->wait_call)
            service->wait_call = naming_wait(naming, &service->key, subscribed_list_done, service);
    } else if (!service->list_call) {
        service->list_call = naming_list(naming, &service->key, plain_list_done, service);
    }
    return waiters_add(&service->waiters, fn, user_data);
}

void service_take_list(struct service *service, struct service_info *info, gint64 until)
{
    if (strcmp(info->source, "disk") == 0 && service->list && !service->list->written)
        return; /* what a server said once is newer */
    service_info_ref(info);
    g_clear_pointer(&service->list, service_info_unref);
    service->list = info;
    service->list_until = until;
    if (info->n_hosts) {
        service->known = TRUE;
        service->missed = 0;
        service->hidden = FALSE;
    }
    kept_service(service);
    service_update(service);
}

void service_drop_list(struct service *service)
{
    g_clear_pointer(&service->list, service_info_unref);
    g_clear_pointer(&service->view, service_info_unref);
    service->list_until = 0;
    for (int i = 0; i < CONTENT_COUNT; i++)
        version_clear(&service->contents[i].version);
    kept_view(service);
    hosts_update(&service->hosts, TRUE);
    clusters_update(&service->clusters, TRUE);
    service_sync(service);
}

void service_restore_view(struct service *service, struct service_info *view)
{
    service->view = service_info_ref(view);
    service->list = service_info_ref(view);
    for (int i = 0; i < CONTENT_COUNT; i++)
        content_resume(&service->contents[i]);
    renderings_restore_view(service);
}

/* --- the view ------------------------------------------------------------------------------ */

static void list_asked(gpointer user_data, int error)
{
}

/* What is held without a subscription is older than our change and must not come back for it: the
 * new list is waited for. */
static gboolean overlay_ended(gpointer user_data)
{
    struct service *service = user_data;
    service->overlay_timer = 0;
    if (!service->list || service->subscribed ||
        !service_need_list(service, FALSE, list_asked, NULL))
        service_update(service);
    return G_SOURCE_REMOVE;
}

/* Changes that were made one behind the other end together: each end is a new view. */
static void overlay_arm(struct service *service)
{
    g_clear_handle_id(&service->overlay_timer, g_source_remove);
    gint64 end = overlay_next_end(&service->overlay);
    gint64 left = end - g_get_monotonic_time();
    if (end)
        service->overlay_timer =
            g_timeout_add((guint)(MAX(left, 0) / 1000 + OVERLAY_TOGETHER), overlay_ended, service);
}

void service_note_change(struct service *service, const struct instance *instance, gboolean gone)
{
    overlay_note(&service->overlay, instance, gone, g_get_monotonic_time());
    service->missed = 0; /* listings under way may be older than our change */
    if (service->subscribed)
        naming_refresh(service->fs->naming, &service->key);
    else
        service->list_until = MIN(service->list_until, g_get_monotonic_time());
    service_update(service);
}

gboolean service_was_held(const struct service *service, enum node_kind kind, const char *name)
{
    const struct node *node = tree_find(service->fs->tree, kind, service->id, name);
    if (!node)
        return FALSE;
    return node->nlookup > 1 || node->survived ||
           g_get_monotonic_time() - node->looked_up > G_USEC_PER_SEC;
}

void service_update(struct service *service)
{
    registered_reap(service);
    overlay_settle(&service->overlay, service->list, g_get_monotonic_time());
    overlay_arm(service);
    gboolean first = !service->view;
    gboolean watched = service->watched > 0;
    gboolean changed = FALSE;
    g_autoptr(service_info) old = NULL;
    if (service->list) {
        g_autoptr(service_info) view = overlay_apply(&service->overlay, service->list);
        if (first || !instances_are_same(service->view, view)) {
            old = g_steal_pointer(&service->view);
            service->view = g_steal_pointer(&view);
            service->version++;
            changed = TRUE;
            renderings_update(service, old);
            gboolean empty = service->view->n_hosts == 0;
            for (int i = 0; i < CONTENT_COUNT; i++) {
                struct content_file *content = &service->contents[i];
                content_update(
                    content,
                    !first || (!empty && (watched || service_was_held(service, NODE_SERVICE_FILE,
                                                                      content->file->name))));
            }
        }
    }
    hosts_update(&service->hosts,
                 first && !watched && !service_was_held(service, NODE_HOSTS, LAYOUT_HOSTS));
    clusters_update(&service->clusters,
                    first && !watched &&
                        !service_was_held(service, NODE_CLUSTERS, LAYOUT_CLUSTERS));
    service_sync(service);
    if (old)
        events_changed(service, old);
    kept_overlay(service);
    if (changed)
        kept_view(service);
    if (old)
        events_wake(service);
    pollers_wake(&service->pollers);
}
