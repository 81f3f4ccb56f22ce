/* SPDX-License-Identifier: MIT */
#include "naming/empty_protection.h"

/* ServiceInfo.validate of the Java client; a disabled instance is not listed at all. */
static gboolean has_callable(const struct service_info *info)
{
    for (guint i = 0; i < info->n_hosts; i++)
        if (info->hosts[i].healthy && info->hosts[i].weight > 0)
            return TRUE;
    return FALSE;
}

gboolean empty_protection_holds(struct empty_protection *protection,
                                const struct service_info *held, const struct service_info *info)
{
    protection->active =
        held != NULL && has_callable(held) && !info->all_ips && !has_callable(info);
    protection->hosts = protection->active ? info->n_hosts : 0;
    return protection->active;
}
