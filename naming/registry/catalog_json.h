/* SPDX-License-Identifier: MIT
 *
 * What the catalog, Nacos' console, shows of a service in full: the JSON of 1.4.8's
 * CatalogController.
 */
#pragma once

#include "naming/registry/store.h"

/* Answer of catalog/service: its settings and clusters. */
void catalog_json_service(GString *out, const struct store_service *service);

/* One member of catalog/instances' list: everything, with the true health. `now` us of
 * CLOCK_MONOTONIC and `wall_ms` are the same moment. */
void catalog_json_instance(GString *out, const struct store_instance *instance, gint64 now,
                           gint64 wall_ms);

/* One member of catalog/services' answer when it is asked withInstances. */
void catalog_json_with_instances(GString *out, const struct store_service *service);
