/* SPDX-License-Identifier: MIT
 *
 * What changed between two snapshots of a service (InstancesDiff of the Java client). Pure.
 */
#pragma once

#include "naming/service_info.h"

struct instances_diff {
    GPtrArray *added;    /* const struct instance *, borrowed from the new snapshot */
    GPtrArray *removed;  /* const struct instance *, borrowed from the old snapshot */
    GPtrArray *modified; /* const struct instance *, borrowed from the new snapshot */
};

/* Fills `diff`; `old` NULL means an empty list. Both snapshots must outlive the diff. */
void instances_diff_init(struct instances_diff *diff, const struct service_info *old,
                         const struct service_info *new);
void instances_diff_clear(struct instances_diff *diff);

/* TRUE when nothing was added, removed or modified: no event. */
gboolean instances_diff_is_empty(const struct instances_diff *diff);

/* Both snapshots list the same instances: the diff of the two is empty. */
gboolean instances_are_same(const struct service_info *a, const struct service_info *b);

typedef struct instances_diff instances_diff;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(instances_diff, instances_diff_clear)
