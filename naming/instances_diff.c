/* SPDX-License-Identifier: MIT */
#include "naming/instances_diff.h"

/* One host of the old list, one of the new, either NULL at the end of its list; both are sorted, so
 * the smaller one is missing in the other list. */
static int order_of(const struct instance *before, const struct instance *after)
{
    if (before == NULL)
        return 1;
    return after == NULL ? -1 : instance_compare(before, after);
}

void instances_diff_init(struct instances_diff *diff, const struct service_info *old,
                         const struct service_info *new)
{
    diff->added = g_ptr_array_new();
    diff->removed = g_ptr_array_new();
    diff->modified = g_ptr_array_new();

    guint i = 0, j = 0, n_old = old != NULL ? old->n_hosts : 0;
    while (i < n_old || j < new->n_hosts) {
        const struct instance *before = i < n_old ? &old->hosts[i] : NULL;
        const struct instance *after = j < new->n_hosts ? &new->hosts[j] : NULL;
        int order = order_of(before, after);
        if (order < 0)
            g_ptr_array_add(diff->removed, (gpointer)before);
        else if (order > 0)
            g_ptr_array_add(diff->added, (gpointer)after);
        else if (!instance_equal(before, after))
            g_ptr_array_add(diff->modified, (gpointer)after);
        i += order <= 0;
        j += order >= 0;
    }
}

void instances_diff_clear(struct instances_diff *diff)
{
    g_clear_pointer(&diff->added, g_ptr_array_unref);
    g_clear_pointer(&diff->removed, g_ptr_array_unref);
    g_clear_pointer(&diff->modified, g_ptr_array_unref);
}

gboolean instances_diff_is_empty(const struct instances_diff *diff)
{
    return diff->added->len == 0 && diff->removed->len == 0 && diff->modified->len == 0;
}

gboolean instances_are_same(const struct service_info *a, const struct service_info *b)
{
    g_auto(instances_diff) diff = {0};
    instances_diff_init(&diff, a, b);
    return instances_diff_is_empty(&diff);
}
