/* SPDX-License-Identifier: MIT */
#include "fs/lease.h"

#include "fs/registered.h"
#include "fs/service.h"

/* What fails stands in `.nacos/errors`; without its beats the server forgets the instance. */
static void ended(gpointer user_data, int error)
{
}

/* Who registers it at this moment may be its owner from then on: lease_settle() sees to it. */
static void end(struct service *service, const struct registered *own)
{
    gboolean closing = service->fs->closing; /* all end there anyway */
    if (!own->ending && !closing && !registered_is_put(service, &own->instance))
        registered_drop(service, (struct asker){0}, &own->instance, ended, NULL);
}

void lease_end(const struct handle *handle)
{
    struct service *service = service_get(handle->fs, handle->service);
    if (handle->line != LINE_LEASE || !service)
        return;
    for (guint i = 0; i < service->registrations->len; i++) {
        const struct registered *own = g_ptr_array_index(service->registrations, i);
        if (own->lease == handle->id)
            end(service, own);
    }
}

void lease_settle(struct service *service, const struct instance *like)
{
    const struct registered *own = registered_find(service, like);
    if (own && own->lease && !handle_get(service->fs, own->lease))
        end(service, own);
}
