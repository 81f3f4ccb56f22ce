/* SPDX-License-Identifier: MIT */
#include "naming/files.h"

static void files_open_failover(struct files *files, const struct files_config *parts,
                                const struct naming_config *config)
{
    g_autofree char *below =
        config->cache_dir == NULL ? NULL : g_build_filename(config->cache_dir, "failover", NULL);
    const struct failover_reactor_config failover = {
        .timers = parts->timers,
        .dir = config->failover_dir != NULL ? config->failover_dir : below,
        .clusters = config->clusters,
        .trouble = parts->trouble,
        .switched = parts->switched,
        .user_data = parts->user_data,
    };

    if (failover.dir != NULL)
        files->failover = failover_reactor_new(&failover);
}

void files_open(struct files *files, const struct files_config *parts,
                const struct naming_config *config)
{
    const struct disk_cache_config disk = {
        .timers = parts->timers,
        .dir = config->cache_dir,
        .clusters = config->clusters,
        .trouble = parts->trouble,
    };
    struct fallbacks_config fallbacks = {
        .proxy = parts->proxy, .timers = parts->timers, .patience = &files->patience};

    files->patience = (struct patience){.proxy = parts->proxy, .timers = parts->timers};
    if (disk.dir != NULL)
        files->disk = disk_cache_new(&disk);
    files_open_failover(files, parts, config);
    fallbacks.disk = files->disk;
    fallbacks.failover = files->failover;
    files->fallbacks = fallbacks_new(&fallbacks);
}

void files_close(struct files *files)
{
    g_clear_pointer(&files->fallbacks, fallbacks_free);
    g_clear_pointer(&files->failover, failover_reactor_free);
    g_clear_pointer(&files->disk, disk_cache_free);
}
