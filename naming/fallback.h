/* SPDX-License-Identifier: MIT
 *
 * Questions that are asked once (a list without subscribing, names, counts), answered from files
 * when no server answers: see naming_list_fn, naming_names_fn and naming_count_fn. A question that
 * a file has answered goes on in the background, for what its servers say teaches the client that
 * they live.
 */
#pragma once

#include "naming/disk_cache.h"
#include "naming/failover_reactor.h"
#include "naming/patience.h"

struct fallbacks;

/* All borrowed, must outlive it. */
struct fallbacks_config {
    struct naming_proxy *proxy;
    struct timers *timers;
    struct disk_cache *disk;           /* NULL = none */
    struct failover_reactor *failover; /* NULL = none */
    struct patience *patience;         /* needed with `disk` */
};
struct fallbacks *fallbacks_new(const struct fallbacks_config *config);
void fallbacks_free(struct fallbacks *fallbacks); /* drops what is under way without `done` */

/* As naming_list and so on. */
struct naming_call *fallbacks_list(struct fallbacks *fallbacks, const struct service_key *key,
                                   naming_list_fn done, gpointer user_data);
struct naming_call *fallbacks_services(struct fallbacks *fallbacks, const char *group,
                                       naming_names_fn done, gpointer user_data);
struct naming_call *fallbacks_group_count(struct fallbacks *fallbacks, const char *group,
                                          naming_count_fn done, gpointer user_data);
struct naming_call *fallbacks_groups(struct fallbacks *fallbacks, naming_names_fn done,
                                     gpointer user_data);

/* No server could say anything about the matter: files may. */
gboolean fallback_is_due(enum naming_status status);
