/* SPDX-License-Identifier: MIT
 *
 * Between the parts of the store: services (store.c), clusters (store_clusters.c) and instances
 * (store_instances.c).
 */
#pragma once

#include "naming/registry/store.h"

/* An empty tree of struct store_instance that owns what is put in. New reference. */
GTree *store_instances_new(void);

/* A new service, borrowed; NULL with an error for a bad name or at the cap. */
struct store_service *store_add_service(struct store *store, const char *namespace_id,
                                        const char *name, GError **error);

/* The service stays from now on, also when it is empty. */
void store_keep_service(struct store_service *service);
