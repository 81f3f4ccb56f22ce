/* SPDX-License-Identifier: MIT */
#include "fs/lease.h"

#include "fs/registered.h"
#include "fs/service.h"

/* What fails stands in `.nacos/errors`; without its beats the server forgets the instance. */
static void ended(gpointer user_data, int error)
{
}

void lease_end(const struct handle *handle)
{
    struct service *service = service_get(handle->fs, handle->service);
    if (handle->line != LINE_LEASE || !service || handle->fs->closing) /* all end there anyway */
        return;
    for (guint i = 0; i < service->registrations->len; i++) {
        const struct registered *own = g_ptr_array_index(service->registrations, i);
        if (own->lease == handle->id && !own->ending)
            registered_drop(service, (struct asker){0}, &own->instance, ended, NULL);
    }
}
