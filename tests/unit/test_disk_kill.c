/* SPDX-License-Identifier: MIT
 *
 * Row 44 of the fault table: a process is killed while it writes the cache, and every file is then
 * the old list or a newer one, never a torn one. As many times as the argument says.
 */
#include "naming/disk_cache.h"
#include "naming/disk_writer.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLS 100
#define SERVICES 12
#define HOSTS 40        /* of the largest list; the smallest has one */
#define LONGEST_US 9000 /* from the start of a writer to its end */

static int kills = KILLS;

static struct service_key *key_of(guint service)
{
    g_autofree char *name = g_strdup_printf("s%u", service);

    return service_key_new("G", name);
}

/* The version stands in every host, too. */
static struct service_info *list_of(const struct service_key *key, guint n, gint64 version)
{
    struct instance hosts[HOSTS] = {0};
    struct service_info *info;

    for (guint i = 0; i < n; i++) {
        g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, version);

        instance_init(&hosts[i]);
        hosts[i].ip = g_strdup_printf("10.0.0.%u", i + 1);
        hosts[i].port = 80;
        instance_set_metadata(&hosts[i], "version", text);
    }
    info = service_info_new(key, "", hosts, n);
    info->last_ref_time = version;
    return info;
}

static guint hosts_of(guint service)
{
    return 1 + service * (HOSTS - 1) / (SERVICES - 1);
}

/* --- the one that is killed ------------------------------------------------------------------- */

static void on_trouble(const char *path, const struct naming_result *result, gpointer user_data)
{
    _exit(1);
}

static void save_all(struct disk_cache *cache, gint64 version)
{
    for (guint service = 0; service < SERVICES; service++) {
        g_autoptr(service_key) key = key_of(service);
        g_autoptr(service_info) list = list_of(key, hosts_of(service), version);

        disk_cache_save(cache, list);
    }
}

/* Writes versions from `version` on, for ever. */
static void write_on(const char *dir, gint64 version)
{
    struct timers *timers = timers_new_manual();
    const struct disk_cache_config config = {
        .timers = timers, .dir = dir, .clusters = "", .trouble = {on_trouble, NULL}};
    struct disk_cache *cache = disk_cache_new(&config);

    for (;;) {
        save_all(cache, version++);
        timers_advance(timers, 2 * G_USEC_PER_SEC);
        for (guint i = 0; i < SERVICES; i++)
            g_main_context_iteration(NULL, FALSE);
    }
}

static void kill_a_writer(const char *dir, gint64 version, gint32 after_us)
{
    pid_t pid = fork();
    int status;

    g_assert_cmpint(pid, >=, 0);
    if (pid == 0)
        write_on(dir, version);
    g_usleep((gulong)after_us);
    g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFSIGNALED(status)); /* it did not end by itself: nothing could not be written */
}

/* --- what is left ----------------------------------------------------------------------------- */

struct found {
    gint64 versions[SERVICES]; /* 0 = no file yet */
    guint cut_short;           /* new files that a dead writer left half-way */
};

static void on_list(const struct disk_list *list, gpointer user_data)
{
    gint64 *version = user_data;

    g_assert_cmpstr(list->why, ==, "");
    g_assert_nonnull(list->info);
    *version = list->info->last_ref_time;
}

/* Whole: with its checksum, which is right, and all of one version. */
static gint64 version_on_disk(struct parse_worker *worker, const char *dir, guint service)
{
    g_autoptr(service_key) key = key_of(service);
    g_autofree char *path = g_strdup_printf("%s/G%%40%%40s%u", dir, service);
    const struct disk_list_file file = {worker, path, key, disk_list_cache};
    g_autofree char *text = NULL, *expected = NULL;
    g_autoptr(service_info) list = NULL;
    g_autoptr(GBytes) bytes = NULL;
    struct disk_list_job *job;
    gint64 version = 0;

    if (!disk_list_read(&file, on_list, &version, &job))
        return 0;
    list = list_of(key, hosts_of(service), version);
    bytes = disk_list_render(list);
    expected = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, expected);
    return version;
}

/* Removes them: a later writer would, but not within their first minute. */
static guint remove_growing(const char *dir)
{
    g_autofree char *own = g_build_filename(dir, DISK_WRITER_OWN, NULL);
    g_autoptr(GDir) open = g_dir_open(own, 0, NULL);
    const char *name;
    guint n = 0;

    while (open != NULL && (name = g_dir_read_name(open)) != NULL) {
        g_autofree char *path = g_build_filename(own, name, NULL);

        g_assert_cmpint(unlink(path), ==, 0);
        n++;
    }
    return n;
}

static void check_all(struct parse_worker *worker, const char *dir, struct found *found)
{
    for (guint service = 0; service < SERVICES; service++) {
        gint64 version = version_on_disk(worker, dir, service);

        g_assert_cmpint(version, >=, found->versions[service]);
        found->versions[service] = version;
    }
    if (remove_growing(dir) > 0)
        found->cut_short++;
}

static void test_killed_while_writing(void)
{
    g_autofree char *dir = g_dir_make_tmp("disk-kill.XXXXXX", NULL);
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", dir);
    struct parse_worker *worker = parse_worker_new();
    struct found found = {0};

    for (int round = 0; round < kills; round++) {
        gint64 version = 1 + (gint64)round * G_GINT64_CONSTANT(1000000);

        kill_a_writer(dir, version, g_test_rand_int_range(0, LONGEST_US));
        check_all(worker, dir, &found);
    }
    g_test_message("%d kills, %u of them while a new file was growing", kills, found.cut_short);
    g_assert_cmpuint(found.cut_short, >=, (guint)kills / 20);
    for (guint service = 0; service < SERVICES; service++)
        g_assert_cmpint(found.versions[service], >, 0);
    parse_worker_free(worker);
    g_assert_cmpint(system(command), ==, 0);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    if (argc > 1)
        kills = atoi(argv[1]);
    g_test_add_func("/disk-kill/killed-while-writing", test_killed_while_writing);
    return g_test_run();
}
