/* SPDX-License-Identifier: MIT
 *
 * The newest list of each service on the disk (DiskCache of the Java client, in its layout, so that
 * its files serve us and ours serve it): what is served when no server answers.
 */
#pragma once

#include "naming/disk_list.h"
#include "naming/timers.h"
#include "naming/trouble.h"

struct disk_cache;

struct disk_cache_config {
    struct timers *timers; /* borrowed, must outlive the cache */
    const char *dir;       /* copied; made when it is first written to */
    const char *clusters;  /* of the lists, "" = all; copied */
    struct trouble trouble;
};
struct disk_cache *disk_cache_new(const struct disk_cache_config *config);
/* Writes what is not written yet, for a second at most. */
void disk_cache_free(struct disk_cache *cache);

/* The list is written within a second or two. */
void disk_cache_save(struct disk_cache *cache, struct service_info *info);
/* As disk_list_read. */
gboolean disk_cache_load(struct disk_cache *cache, const struct service_key *key, disk_list_fn done,
                         gpointer user_data, struct disk_list_job **job);
/* Tells of a file that makes no sense. */
void disk_cache_complain(const struct disk_cache *cache, const struct service_key *key,
                         const struct disk_list *list);
gboolean disk_cache_has(const struct disk_cache *cache, const struct service_key *key);

/* The services of a group, or with NULL the groups, that there are files of: NULL-terminated,
 * sorted, unique. Tells of files whose name was shortened and that do not say whose they are. New.
 */
char **disk_cache_names(const struct disk_cache *cache, const char *group);

/* A file of our own beside the lists, where the Java client does not look. `content`: new
 * reference, owned by the callee. */
void disk_cache_put_own(struct disk_cache *cache, const char *name, GBytes *content);
