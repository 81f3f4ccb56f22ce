/* SPDX-License-Identifier: MIT */
#include "fs/overlay.h"

static void entry_free(gpointer data)
{
    struct overlay_entry *entry = data;
    instance_clear(&entry->instance);
    g_free(entry);
}

void overlay_clear(struct overlay *overlay)
{
    g_clear_pointer(&overlay->entries, g_ptr_array_unref);
}

guint overlay_count(const struct overlay *overlay)
{
    return overlay->entries ? overlay->entries->len : 0;
}

const struct overlay_entry *overlay_at(const struct overlay *overlay, guint i)
{
    return g_ptr_array_index(overlay->entries, i);
}

void overlay_restore(struct overlay *overlay, const struct overlay_entry *entry)
{
    if (!overlay->entries)
        overlay->entries = g_ptr_array_new_with_free_func(entry_free);
    g_ptr_array_add(overlay->entries, g_memdup2(entry, sizeof *entry));
}

static struct overlay_entry *entry_at(const struct overlay *overlay, guint i)
{
    return g_ptr_array_index(overlay->entries, i);
}

static const struct overlay_entry *find(const struct overlay *overlay,
                                        const struct instance *instance)
{
    for (guint i = 0; i < overlay->entries->len; i++)
        if (instance_same(&entry_at(overlay, i)->instance, instance))
            return entry_at(overlay, i);
    return NULL;
}

void overlay_note(struct overlay *overlay, const struct instance *instance, gboolean gone,
                  gint64 now)
{
    if (!overlay->entries)
        overlay->entries = g_ptr_array_new_with_free_func(entry_free);
    const struct overlay_entry *old = find(overlay, instance);
    if (old)
        g_ptr_array_remove(overlay->entries, (gpointer)old);
    struct overlay_entry *entry = g_new0(struct overlay_entry, 1);
    instance_copy(&entry->instance, instance);
    entry->gone = gone || !instance->enabled; /* servers do not list disabled ones */
    entry->since = now;
    entry->until = now + OVERLAY_LIFE;
    g_ptr_array_add(overlay->entries, entry);
}

/* Health is the server's to say (1.4 keeps an old opinion over a new registration): not compared.
 */
static gboolean agrees(const struct overlay_entry *entry, const struct service_info *list)
{
    const struct instance *listed = service_info_find(list, &entry->instance);
    if (entry->gone || !listed)
        return entry->gone && !listed;
    struct instance like = entry->instance;
    like.healthy = listed->healthy;
    return instance_equal(&like, listed);
}

void overlay_settle(struct overlay *overlay, const struct service_info *list, gint64 now)
{
    for (guint i = overlay->entries ? overlay->entries->len : 0; i-- > 0;) {
        struct overlay_entry *entry = entry_at(overlay, i);
        if (list && agrees(entry, list))
            entry->until = MIN(entry->until, entry->since + OVERLAY_QUIET);
        if (entry->until <= now)
            g_ptr_array_remove_index(overlay->entries, i);
    }
}

struct service_info *overlay_apply(const struct overlay *overlay, struct service_info *list)
{
    if (!overlay->entries || overlay->entries->len == 0)
        return service_info_ref(list);
    GArray *hosts = g_array_new(FALSE, TRUE, sizeof(struct instance));
    struct instance copy;
    for (guint i = 0; i < list->n_hosts; i++) {
        const struct overlay_entry *entry = find(overlay, &list->hosts[i]);
        if (entry && !agrees(entry, list))
            continue;
        instance_copy(&copy, &list->hosts[i]);
        g_array_append_val(hosts, copy);
    }
    for (guint i = 0; i < overlay->entries->len; i++) {
        if (entry_at(overlay, i)->gone || agrees(entry_at(overlay, i), list))
            continue;
        instance_copy(&copy, &entry_at(overlay, i)->instance);
        g_array_append_val(hosts, copy);
    }
    struct service_info *view = service_info_new(
        &list->key, list->clusters, (struct instance *)(gpointer)hosts->data, hosts->len);
    view->last_ref_time = list->last_ref_time;
    view->cache_millis = list->cache_millis;
    g_array_unref(hosts);
    return view;
}

gint64 overlay_next_end(const struct overlay *overlay)
{
    gint64 end = 0;
    for (guint i = 0; overlay->entries && i < overlay->entries->len; i++)
        if (end == 0 || entry_at(overlay, i)->until < end)
            end = entry_at(overlay, i)->until;
    return end;
}
