/* SPDX-License-Identifier: MIT */
#include "fs/service_files.h"

#include "fs/registered.h"
#include "fs/render.h"
#include "fs/service.h"

#include <errno.h>

GBytes *service_file_pick(const struct service_info *view, int *error)
{
    GBytes *bytes = render_pick(view, g_random_double());
    if (!bytes)
        *error = ENODATA;
    return bytes;
}

static int by_address(gconstpointer a, gconstpointer b)
{
    const struct registered *const *x = a, *const *y = b;
    return instance_compare(&(*x)->instance, &(*y)->instance);
}

static GBytes *kept(struct service *service, gboolean leases_only)
{
    GString *out = g_string_new(NULL);
    g_ptr_array_sort(service->registrations, by_address);
    for (guint i = 0; i < service->registrations->len; i++) {
        const struct registered *own = g_ptr_array_index(service->registrations, i);
        if (!own->ending && (own->lease || !leases_only))
            render_line(out, &own->instance);
    }
    return g_string_free_to_bytes(out);
}

GBytes *service_file_register(struct fs *fs, struct service *service, int *error)
{
    return kept(service, FALSE);
}

GBytes *service_file_lease(struct fs *fs, struct service *service, int *error)
{
    return kept(service, TRUE);
}

GBytes *service_file_empty(struct fs *fs, struct service *service, int *error)
{
    return g_bytes_new_static("", 0);
}
