/* SPDX-License-Identifier: MIT
 *
 * The selector of service/list: services with a certain metadata, or with an instance that has it
 * (ServiceController.list, 1.4.8).
 */
#pragma once

#include "naming/registry/store.h"

/* All zero takes every service. */
struct label_selector {
    GString *member; /* owned; "KEY":"VALUE" as it stands in metadata; NULL = none */
    gboolean of_instances;
};

/* Reads {"type":"label","expression":"INSTANCE.metadata.KEY = 'VALUE'"}, or SERVICE instead; NULL,
 * the type none and expressions about anything else take every service. FALSE with
 * REGISTRY_ERROR_ARGUMENT for what is no such JSON. */
gboolean label_selector_parse(const char *text, struct label_selector *selector, GError **error);

gboolean label_selector_takes(const struct label_selector *selector,
                              const struct store_service *service);

void label_selector_clear(struct label_selector *selector);

typedef struct label_selector label_selector;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(label_selector, label_selector_clear)
