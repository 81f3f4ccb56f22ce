/* SPDX-License-Identifier: MIT
 *
 * What an operator can switch while the server runs (Nacos' SwitchDomain, those that matter to one
 * node). They last until the server ends.
 */
#pragma once

#include <glib.h>

struct switches {
    gint64 client_beat_interval; /* ms; told to instances that name no interval of their own */
    gboolean health_check;       /* FALSE = nothing becomes unhealthy or is removed for its beats */
    gboolean push;               /* FALSE = nobody is sent anything, subscribing is declined */
    gboolean light_beat;         /* FALSE = clients are to send full beats for ever */
};

/* Nacos' defaults: 5 s, everything on. */
void switches_init(struct switches *switches);

/* Sets `entry` (clientBeatInterval, healthCheckEnabled or its other name check, pushEnabled,
 * lightBeatEnabled) as SwitchManager does. FALSE with REGISTRY_ERROR_ARGUMENT for another entry and
 * for a value that cannot be; nothing is changed then. */
gboolean switches_set(struct switches *switches, const char *entry, const char *value,
                      GError **error);

/* The SwitchDomain of 1.4.8 with its fields in order; what is not ours has Nacos' default. */
void switches_json(GString *out, const struct switches *switches);
