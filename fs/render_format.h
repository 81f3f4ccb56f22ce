/* SPDX-License-Identifier: MIT
 *
 * Formats of .nacos/render/: a snapshot of a service -> the bytes of a file that some program reads
 * as it is. A new format is one row and one function. Only callable instances (healthy, enabled,
 * weight over 0) are rendered, and of these only addresses that cannot be anything else to the
 * program's parser. Equal instances give equal bytes, whatever else the snapshot says. Pure.
 */
#pragma once

#include "fs/address.h"

struct render_format {
    const char *name;   /* of the directory */
    const char *ending; /* of its files, "" = none */
    gboolean replaced; /* announced by MOVED_TO, too (temp + rename), for programs that want that */
    /* New reference. */
    GBytes *(*render)(const struct service_info *info);
};

#define RENDER_FORMATS 7 /* rows of the table */

/* 0 <= index < RENDER_FORMATS; static. */
const struct render_format *render_format_at(guint index);
/* Index of the row of that name, -1 if there is none. */
int render_format_find(const char *name);

GBytes *render_prometheus(const struct service_info *info); /* file_sd */
GBytes *render_hosts(const struct service_info *info);      /* hosts(5) */
GBytes *render_nginx(const struct service_info *info);      /* upstream */
GBytes *render_haproxy(const struct service_info *info);    /* backend */
GBytes *render_envoy(const struct service_info *info);      /* EDS DiscoveryResponse */
GBytes *render_traefik(const struct service_info *info);    /* dynamic configuration */
GBytes *render_env(const struct service_info *info);        /* shell variables */

/* --- shared by the formats ----------------------------------------------------------------- */

/* What the service is called inside a file: SERVICE, for other groups than DEFAULT_GROUP
 * SERVICE.GROUP, in lower case, characters other than a-z, 0-9, '-' and '.' as '-'. New string. */
char *render_object_name(const struct service_key *key);

struct render_target {
    const struct instance *instance; /* borrowed */
    enum address_kind kind;          /* never ADDRESS_STRANGE */
    char *address;                   /* "10.0.0.1:80", "[::1]:80" */
    guint weight;                    /* whole number, 1 to the limit asked for */
};

/* Callable instances in their order, each address once (it may stand in several clusters; the first
 * counts). `limit`: largest weight that the format takes; where weights do not fit or are no whole
 * numbers, their ratio is kept as well as it goes. New array of struct render_target. */
GArray *render_targets(const struct service_info *info, guint limit);

/* `text` as a JSON string. */
void render_json_string(GString *out, const char *text);
