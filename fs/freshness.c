/* SPDX-License-Identifier: MIT */
#include "fs/freshness.h"

/* Of a service that is kept fresh, but of which the client has heard nothing yet: an earlier daemon
 * left the list. It is told as old as its last change, though it was confirmed later than that. */
static gint64 inherited_since(const struct service *service)
{
    gint64 changed_ns = service->contents[CONTENT_INSTANCES].version.mtime_ns;
    return g_get_monotonic_time() - MAX(g_get_real_time() - changed_ns / 1000, 0);
}

static void of_own_list(const struct service *service, struct naming_freshness *freshness)
{
    const struct service_info *list = service->list;
    gboolean inherited = service->list_until == G_MAXINT64;
    gint64 came =
        inherited ? inherited_since(service) : service->list_until - list->cache_millis * 1000;
    *freshness = (struct naming_freshness){.source = list->source,
                                           .confirmed = list->written ? list->written : came,
                                           .stale = inherited || list->written != 0};
}

/* The client speaks of the list that is served; of a file, it may have read one that is older. */
static gboolean is_of_client(const struct service *service)
{
    const struct service_info *current = naming_current(service->fs->naming, &service->key);
    return service->list_until == G_MAXINT64 && current &&
           (!current->written || service->list->written);
}

gboolean freshness_of(const struct service *service, struct naming_freshness *freshness)
{
    if (!service->list)
        return FALSE;
    if (!is_of_client(service) || !naming_freshness(service->fs->naming, &service->key, freshness))
        of_own_list(service, freshness);
    return TRUE;
}
