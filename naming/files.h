/* SPDX-License-Identifier: MIT
 *
 * What the client has on the disk: opened and closed together.
 */
#pragma once

#include "naming/fallback.h"

struct files {
    struct disk_cache *disk;           /* NULL = none */
    struct failover_reactor *failover; /* NULL = none */
    struct fallbacks *fallbacks;
    struct patience patience;
};

struct files_config {
    struct naming_proxy *proxy; /* borrowed, must outlive the files */
    struct timers *timers;      /* the same */
    struct trouble trouble;
    void (*switched)(gpointer user_data); /* see failover_reactor_config */
    gpointer user_data;
};

/* What `config` asks for. Never fails: a directory that is not there is made when it is needed. */
void files_open(struct files *files, const struct files_config *parts,
                const struct naming_config *config);
/* Writes what is not written yet; also of zeroes. */
void files_close(struct files *files);
