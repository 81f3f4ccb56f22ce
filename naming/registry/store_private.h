/* SPDX-License-Identifier: MIT
 *
 * Between the two halves of the store: services (store.c) and instances (store_instances.c).
 */
#pragma once

#include "naming/registry/store.h"

/* An empty tree of struct store_instance that owns what is put in. New reference. */
GTree *store_instances_new(void);

/* A new service, borrowed; NULL with an error for a bad name or at the cap. */
struct store_service *store_add_service(struct store *store, const char *namespace_id,
                                        const char *name, GError **error);
