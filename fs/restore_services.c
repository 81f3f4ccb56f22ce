/* SPDX-License-Identifier: MIT */
#include "fs/kept.h"
#include "fs/pack.h"
#include "fs/restore_private.h"
#include "fs/service.h"

#include <string.h>

/* How much of the loop's time goes to services that nobody has asked for yet. */
#define AT_ONCE_US 5000
#define TURN_US 1000
#define TURN_EVERY_MS 2

/* --- their lists --------------------------------------------------------------------------- */

/* The view's version stands before it. */
static struct service_info *unpack_view(struct service *service)
{
    gsize length;
    guint64 version;
    g_autofree char *bytes = state_get_bytes(service->fs->state, service->kept_view, &length);
    if (length < sizeof version)
        return NULL;
    memcpy(&version, bytes, sizeof version);
    service->version = (guint)version;
    return unpack_list(bytes + sizeof version, length - sizeof version);
}

static void unpack_own_list(struct service *service)
{
    gsize length;
    g_autofree char *bytes = state_get_bytes(service->fs->state, service->kept_list, &length);
    struct service_info *list = unpack_list(bytes, length);
    if (!list) {
        kept_drop(service->fs, &service->kept_list);
        return;
    }
    service_info_unref(service->list);
    service->list = list;
}

void restore_lists(struct service *service)
{
    if (service->view || !service->kept_view)
        return;
    g_autoptr(service_info) view = unpack_view(service);
    if (!view) {
        kept_drop(service->fs, &service->kept_view);
        kept_drop(service->fs, &service->kept_list);
        return;
    }
    service->list_until = service->subscribed ? G_MAXINT64 : (gint64)service->kept_view->words[0];
    service_restore_view(service, view);
    if (service->kept_list)
        unpack_own_list(service);
}

/* --- their sleep --------------------------------------------------------------------------- */

void service_wake(struct service *service)
{
    if (!service->asleep)
        return;
    service->asleep = FALSE;
    restore_lists(service);
    clusters_resume(&service->clusters);
    service->asleep_hosts = 0;
    service_update(service);
}

/* The next turn goes on at fs->next_asleep. TRUE when all are awake. */
static gboolean wake_for(struct fs *fs, gint64 budget_us)
{
    gint64 until = g_get_monotonic_time() + budget_us;
    for (; fs->next_asleep > 0; fs->next_asleep--) {
        struct service *service = slots_at(fs->services, fs->next_asleep);
        if (service)
            service_wake(service);
        if (g_get_monotonic_time() > until)
            return FALSE;
    }
    return TRUE;
}

static gboolean wake_some(gpointer user_data)
{
    struct fs *fs = user_data;
    if (!wake_for(fs, TURN_US))
        return G_SOURCE_CONTINUE;
    fs->wake_timer = 0;
    return G_SOURCE_REMOVE;
}

gboolean restore_is_waking(const struct fs *fs)
{
    return fs->wake_timer != 0;
}

void restore_wake(struct fs *fs)
{
    fs->next_asleep = slots_high(fs->services);
    for (guint i = fs->next_asleep; i > 0; i--) {
        struct service *service = slots_at(fs->services, i);
        if (service)
            service->asleep = TRUE;
    }
    if (!wake_for(fs, AT_ONCE_US))
        fs->wake_timer = g_timeout_add(TURN_EVERY_MS, wake_some, fs);
}
