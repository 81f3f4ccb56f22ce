/* SPDX-License-Identifier: MIT
 *
 * Whether a service's directory is shown, and how long: the part of service.h that looks at nothing
 * but its members.
 */
#include "fs/kept.h"
#include "fs/service.h"

gboolean service_exists(const struct service *service)
{
    if (service->pinned || service->registrations->len)
        return TRUE;
    guint hosts = service->view ? service->view->n_hosts : service->asleep_hosts;
    return (service->known && !service->hidden) || hosts;
}

gboolean service_wanted(const struct service *service)
{
    gboolean used = service->held || service->handles || service->parked;
    return service_exists(service) || (used && !service->hidden);
}

gboolean service_is_coming(const struct service *service)
{
    const struct group *group = service->group;
    return (!service->visible && service_wanted(service)) ||
           (!group->visible && group_wanted(group));
}

void service_sync(struct service *service)
{
    struct group *group = service->group;
    renderings_sync(service);
    if (service->visible == service_wanted(service))
        return;
    if (group->held && !group->listing.first) {
        mirror_mark(service->fs->mirror, &group->lane);
        return;
    }
    service->visible = !service->visible; /* nobody can be watching the group */
    group->mtime_ns = version_next_mtime(group->mtime_ns);
    kept_service(service);
    kept_group(group);
}

gboolean service_is_idle(const struct service *service)
{
    gboolean used = service->held || service->handles || service->parked || service->subscribed ||
                    waiters_any(&service->waiters);
    /* A hidden one is remembered, or the next listing would show it again. */
    return !service->visible && !service->renderings.visible && !service->hidden &&
           !service_wanted(service) && !used;
}
