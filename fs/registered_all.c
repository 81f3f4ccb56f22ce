/* SPDX-License-Identifier: MIT
 *
 * The end of all that does not outlive the mount: the part of registered.h that needs only the rest
 * of it.
 */
#include "fs/registered.h"
#include "fs/service.h"

struct drop_all {
    guint left;
    wait_fn fn;
    gpointer user_data;
};

static void one_dropped(gpointer user_data, int error)
{
    struct drop_all *all = user_data;
    if (--all->left)
        return;
    all->fn(all->user_data, 0);
    g_free(all);
}

static gboolean none_left(gpointer user_data)
{
    one_dropped(user_data, 0);
    return G_SOURCE_REMOVE;
}

/* Outlives the mount (remembered.h). */
static gboolean stays(const struct fs *fs, const struct registered *registration)
{
    return !registration->lease &&
           (fs->options->keep_registered || !registration->instance.ephemeral);
}

void registered_drop_all(struct fs *fs, wait_fn fn, gpointer user_data)
{
    struct drop_all *all = g_new0(struct drop_all, 1);
    all->left = 1; /* held until all are sent */
    all->fn = fn;
    all->user_data = user_data;
    for (guint i = slots_high(fs->registrations); i > 0; i--) {
        const struct registered *registration = slots_at(fs->registrations, i);
        if (!registration || stays(fs, registration))
            continue;
        all->left++;
        registered_drop(service_get(fs, registration->service), (struct asker){0},
                        &registration->instance, one_dropped, all);
    }
    g_idle_add(none_left, all);
}
