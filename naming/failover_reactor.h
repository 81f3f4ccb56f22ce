/* SPDX-License-Identifier: MIT
 *
 * Failover (FailoverReactor of the Java client): while a switch file says 1, services that have a
 * file in the failover directory are served from it, whatever the servers say. The switch is looked
 * at where 1.4 looks (its name right behind the directory's, without a slash) and where 2.5 does
 * (in the directory); of two the newer one counts. No file, or an empty one, is off; content that
 * is neither 0 nor 1 changes nothing. A switch written anew reads the files anew.
 *
 * A service's file is named as in the disk cache (2.5) or "GROUP@@NAME" as it is (1.4); one without
 * instances counts as none.
 */
#pragma once

#include "naming/disk_list.h"
#include "naming/timers.h"
#include "naming/trouble.h"

#define FAILOVER_SWITCH "00-00---000-VIPSRV_FAILOVER_SWITCH-000---00-00"

struct failover_reactor;

struct failover_reactor_config {
    struct timers *timers; /* borrowed, must outlive the reactor */
    const char *dir;       /* copied; need not exist */
    const char *clusters;  /* of the lists, "" = all; copied */
    struct trouble trouble;
    /* It was switched, or the files are to be read anew. Not called by failover_reactor_new. */
    void (*switched)(gpointer user_data);
    gpointer user_data;
};
struct failover_reactor *failover_reactor_new(const struct failover_reactor_config *config);
void failover_reactor_free(struct failover_reactor *reactor);

gboolean failover_reactor_is_on(const struct failover_reactor *reactor);
/* Writes the switch, in both places, and switches at once. An errno if that cannot be written. */
int failover_reactor_set(struct failover_reactor *reactor, gboolean on);

/* As disk_list_read; FALSE also while the switch is off. */
gboolean failover_reactor_load(struct failover_reactor *reactor, const struct service_key *key,
                               disk_list_fn done, gpointer user_data, struct disk_list_job **job);
/* Whether it has a file and the switch is on. */
gboolean failover_reactor_has(const struct failover_reactor *reactor,
                              const struct service_key *key);
/* Tells of a file that makes no sense. */
void failover_reactor_complain(const struct failover_reactor *reactor,
                               const struct service_key *key, const struct disk_list *list);
