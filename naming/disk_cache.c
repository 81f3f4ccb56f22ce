/* SPDX-License-Identifier: MIT */
#include "naming/disk_cache.h"

#include "naming/disk_name.h"
#include "naming/disk_writer.h"

#include <stdlib.h>
#include <string.h>

#define GOODBYE_US G_USEC_PER_SEC

struct disk_cache {
    char *dir;
    char *clusters;
    struct disk_writer *writer;
    struct parse_worker *worker;
    struct trouble trouble;
};

static GBytes *render_list(gpointer item)
{
    return disk_list_render(item);
}

static void release_list(gpointer item)
{
    service_info_unref(item);
}

static GBytes *render_bytes(gpointer item)
{
    return g_bytes_ref(item);
}

static void release_bytes(gpointer item)
{
    g_bytes_unref(item);
}

static const struct disk_content list_content = {render_list, release_list};
static const struct disk_content bytes_content = {render_bytes, release_bytes};

struct disk_cache *disk_cache_new(const struct disk_cache_config *config)
{
    struct disk_cache *cache = g_new0(struct disk_cache, 1);

    cache->dir = g_strdup(config->dir);
    cache->clusters = g_strdup(config->clusters);
    cache->trouble = config->trouble;
    cache->writer = disk_writer_new(config->timers, config->dir, &config->trouble);
    cache->worker = parse_worker_new();
    return cache;
}

void disk_cache_free(struct disk_cache *cache)
{
    disk_writer_free(cache->writer, GOODBYE_US);
    parse_worker_free(cache->worker);
    g_free(cache->dir);
    g_free(cache->clusters);
    g_free(cache);
}

static char *path_of(const struct disk_cache *cache, const struct service_key *key)
{
    g_autofree char *name = disk_name(key, cache->clusters);

    return g_build_filename(cache->dir, name, NULL);
}

void disk_cache_save(struct disk_cache *cache, struct service_info *info)
{
    g_autofree char *name = disk_name(&info->key, cache->clusters);

    disk_writer_put(cache->writer, name, &list_content, service_info_ref(info));
}

/* --- reading -----------------------------------------------------------------------------------
 */

gboolean disk_cache_load(struct disk_cache *cache, const struct service_key *key, disk_list_fn done,
                         gpointer user_data, struct disk_list_job **job)
{
    g_autofree char *path = path_of(cache, key);
    const struct disk_list_file file = {
        .worker = cache->worker, .path = path, .key = key, .source = disk_list_cache};

    return disk_list_read(&file, done, user_data, job);
}

void disk_cache_complain(const struct disk_cache *cache, const struct service_key *key,
                         const struct disk_list *list)
{
    g_autofree char *path = path_of(cache, key);
    g_autofree char *text = g_strdup_printf("%s cannot be used: %s", path, list->why);
    const struct naming_result result = {NAMING_LOCAL, "", text};

    if (list->info == NULL)
        trouble_report(&cache->trouble, key, &result);
}

gboolean disk_cache_has(const struct disk_cache *cache, const struct service_key *key)
{
    g_autofree char *path = path_of(cache, key);

    return g_file_test(path, G_FILE_TEST_IS_REGULAR);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_name(GHashTable *names, const struct service_key *key, const char *group)
{
    if (group == NULL)
        g_hash_table_add(names, g_strdup(key->group));
    else if (strcmp(key->group, group) == 0)
        g_hash_table_add(names, g_strdup(key->name));
}

/* Its list cannot be found by anybody who does not know the service's name. */
static void complain_nameless(const struct disk_cache *cache, const char *file)
{
    g_autofree char *text = g_strdup_printf(
        "%s/%s cannot be used: its first line does not say whose list it is", cache->dir, file);
    const struct naming_result result = {NAMING_LOCAL, "", text};

    trouble_report(&cache->trouble, NULL, &result);
}

char **disk_cache_names(const struct disk_cache *cache, const char *group)
{
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GDir) dir = g_dir_open(cache->dir, 0, NULL);
    const char *file;
    char **sorted;
    guint n;

    while (dir != NULL && (file = g_dir_read_name(dir)) != NULL) {
        g_autofree char *clusters = NULL;
        g_autoptr(service_key) key = disk_list_key(cache->dir, file, &clusters);
        g_autofree char *ours = key == NULL ? NULL : disk_name(key, cache->clusters);

        if (g_strcmp0(ours, file) == 0) /* else nobody would find it by its name */
            add_name(names, key, group);
        else if (key == NULL && disk_name_is_short(file))
            complain_nameless(cache, file);
    }
    sorted = (char **)g_hash_table_get_keys_as_array(names, &n);
    g_hash_table_steal_all(names);
    qsort(sorted, n, sizeof *sorted, compare_names);
    return sorted;
}

void disk_cache_put_own(struct disk_cache *cache, const char *name, GBytes *content)
{
    g_autofree char *path = g_build_filename(DISK_WRITER_OWN, name, NULL);

    disk_writer_put(cache->writer, path, &bytes_content, content);
}
