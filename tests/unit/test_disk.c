/* SPDX-License-Identifier: MIT */
#include "naming/disk_cache.h"
#include "naming/disk_fsync.h"
#include "naming/disk_name.h"
#include "naming/disk_writer.h"
#include "naming/empty_protection.h"
#include "naming/instances_diff.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <utime.h>

#define SEC G_USEC_PER_SEC

/* --- names ------------------------------------------------------------------------------------ */

static void check_name(const char *group, const char *name, const char *clusters, const char *file)
{
    g_autoptr(service_key) key = service_key_new(group, name);
    g_autofree char *made = disk_name(key, clusters);
    g_autofree char *found = NULL;
    g_autoptr(service_key) back = disk_name_parse(file, &found);

    g_assert_cmpstr(made, ==, file);
    g_assert_nonnull(back);
    g_assert_true(service_key_equal(key, back));
    g_assert_cmpstr(found, ==, clusters);
}

/* As java.net.URLEncoder and ServiceInfo.getKeyEncoded of 1.4.8 have them. */
static void test_names_are_javas(void)
{
    check_name("G1", "svc", "", "G1%40%40svc");
    check_name("G1", "svc", "DEFAULT,C2", "G1%40%40svc@@DEFAULT,C2");
    check_name("G 1", "a+b*c~", "", "G+1%40%40a%2Bb*c%7E");
    check_name("G", "\xe6\x9c\x8d", "", "G%40%40%E6%9C%8D");
    check_name("G", "a@@b", "", "G%40%40a%40%40b");
}

static void test_no_name_leads_out(void)
{
    static const char *const names[] = {"../x",   "x@@../../y", "/etc/passwd", ".",   "..",
                                        "%2e%2e", "a/b",        "\x01\n\xff",  "%00", "\\"};

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(service_key) key = service_key_new("..", names[i]);
        g_autofree char *file = disk_name(key, "");
        g_autofree char *clusters = NULL;
        g_autoptr(service_key) back = disk_name_parse(file, &clusters);

        g_assert_null(strchr(file, '/'));
        g_assert_cmpstr(file, !=, ".");
        g_assert_cmpstr(file, !=, "..");
        g_assert_nonnull(back);
        g_assert_true(service_key_equal(key, back));
    }
}

/* Whatever a service is called, but for a NUL: one file name, without a slash, that says so. */
static void test_names_come_back(void)
{
    g_autoptr(GHashTable) files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint n = 0;

    for (int round = 0; round < 20000; round++) {
        gsize length = (gsize)g_test_rand_int_range(1, 300);
        g_autofree char *name = g_malloc0(length + 1);
        g_autofree char *clusters = NULL, *again = NULL;

        for (gsize i = 0; i < length; i++)
            name[i] = (char)(g_test_rand_bit() ? "./@%~+ "[g_test_rand_int_range(0, 7)]
                                               : g_test_rand_int_range(1, 256));
        g_autoptr(service_key) key = service_key_new("G", name);
        char *file = disk_name(key, "");
        g_autofree char *whole = disk_name_whole(key, "");
        g_autoptr(service_key) back = disk_name_parse(whole, &clusters);

        g_assert_true(service_key_equal(key, back));
        g_assert_cmpuint(strlen(file), <=, DISK_NAME_MAX);
        g_assert_null(strchr(file, '/'));
        g_assert_cmpint(*file, !=, '.');
        again = disk_name(back, clusters);
        g_assert_cmpstr(again, ==, file);
        n += length > 1; /* those of one byte may come twice */
        g_hash_table_add(files, file);
    }
    g_assert_cmpuint(g_hash_table_size(files), >, n * 9 / 10);
}

static void test_long_names_differ(void)
{
    g_autofree char *one = g_strnfill(512, 'a');
    g_autofree char *other = g_strconcat(one, "b", NULL);
    g_autoptr(service_key) key_one = service_key_new("G", one);
    g_autoptr(service_key) key_other = service_key_new("G", other);
    g_autofree char *file_one = disk_name(key_one, "");
    g_autofree char *file_other = disk_name(key_other, "");
    g_autofree char *clusters = NULL;

    g_assert_cmpuint(strlen(file_one), <=, DISK_NAME_MAX);
    g_assert_cmpstr(file_one, !=, file_other);
    g_assert_true(disk_name_is_short(file_one));
    g_assert_null(disk_name_parse(file_one, &clusters)); /* only the file itself can tell */
}

static void test_names_of_others(void)
{
    static const char *const senseless[] = {
        "",        "x",       "@@x",      "x@@",          "G%40%40",
        "%40%40x", "G%4%40s", "failover", "G%40%40a%00b", "G%40%40a%"};
    g_autofree char *clusters = NULL;
    g_autoptr(service_key) key = disk_name_parse("G1@@svc@@C1", &clusters);

    g_assert_cmpstr(key->group, ==, "G1");
    g_assert_cmpstr(key->name, ==, "svc");
    g_assert_cmpstr(clusters, ==, "C1");
    g_autofree char *all = NULL;
    g_autoptr(service_key) tilde = disk_name_parse("G1@@a~b", &all); /* a failover file of 1.4's */
    g_assert_cmpstr(tilde->name, ==, "a~b");
    for (gsize i = 0; i < G_N_ELEMENTS(senseless); i++) {
        g_autofree char *none = NULL;

        g_assert_null(disk_name_parse(senseless[i], &none));
        g_assert_null(none);
    }
}

/* --- files of lists --------------------------------------------------------------------------- */

struct fixture {
    char *dir;
    char *path; /* of a list's file */
    struct service_key *key;
    struct parse_worker *worker;
    struct timers *timers;
    guint troubles;
    /* what the last read came to */
    guint calls;
    struct service_info *info;
    char *why;
    gint64 age_us;
};

static void set_up(struct fixture *f, gconstpointer unused)
{
    f->dir = g_dir_make_tmp("disk.XXXXXX", NULL);
    f->path = g_build_filename(f->dir, "G%40%40svc", NULL);
    f->key = service_key_new("G", "svc");
    f->worker = parse_worker_new();
    f->timers = timers_new_manual();
}

static void forget(struct fixture *f)
{
    g_clear_pointer(&f->info, service_info_unref);
    g_clear_pointer(&f->why, g_free);
    f->calls = 0;
}

static void tear_down(struct fixture *f, gconstpointer unused)
{
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", f->dir);

    g_assert_cmpint(system(command), ==, 0);
    forget(f);
    parse_worker_free(f->worker);
    timers_free(f->timers);
    service_key_free(f->key);
    g_free(f->path);
    g_free(f->dir);
}

static void on_list(const struct disk_list *list, gpointer user_data)
{
    struct fixture *f = user_data;

    f->calls++;
    f->info = list->info == NULL ? NULL : service_info_ref(list->info);
    f->why = g_strdup(list->why);
    f->age_us = list->age_us;
}

/* FALSE if there is no file. */
static gboolean load(struct fixture *f)
{
    const struct disk_list_file file = {f->worker, f->path, f->key, disk_list_cache};
    struct disk_list_job *job;

    forget(f);
    if (!disk_list_read(&file, on_list, f, &job))
        return FALSE;
    g_assert_true((job == NULL) == (f->calls == 1));
    while (f->calls == 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpint(f->calls, ==, 1);
    return TRUE;
}

static void put(struct fixture *f, const char *text, gssize length)
{
    g_assert_true(g_file_set_contents(f->path, text, length, NULL));
}

static void check_refused(struct fixture *f)
{
    g_assert_true(load(f));
    g_assert_null(f->info);
    g_assert_cmpstr(f->why, !=, "");
}

static struct service_info *list_of(const struct service_key *key, guint n)
{
    g_autofree struct instance *hosts = g_new0(struct instance, n);

    for (guint i = 0; i < n; i++) {
        instance_init(&hosts[i]);
        hosts[i].ip = g_strdup_printf("10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        hosts[i].port = 80;
        instance_set_metadata(&hosts[i], "zone", "cn-1");
    }
    return service_info_new(key, "", hosts, n);
}

static void test_list_comes_back(struct fixture *f, gconstpointer unused)
{
    g_autoptr(service_info) list = list_of(f->key, 3);
    g_autoptr(GBytes) bytes = disk_list_render(list);

    g_assert_false(load(f));
    put(f, g_bytes_get_data(bytes, NULL), (gssize)g_bytes_get_size(bytes));
    g_assert_true(load(f));
    g_assert_true(instances_are_same(list, f->info));
    g_assert_cmpstr(f->info->source, ==, "disk");
    g_assert_cmpint(f->age_us, >=, 0);
    g_assert_cmpint(f->age_us, <, 60 * SEC);
}

/* What 1.4.8 wrote of a list that a server of 1.4.8 sent. */
static void test_javas_file(struct fixture *f, gconstpointer unused)
{
    static const char text[] =
        "{\"hosts\":[{\"ip\":\"10.0.0.1\",\"port\":80,\"valid\":true,\"healthy\":true,"
        "\"marked\":false,\"instanceId\":\"10.0.0.1#80#DEFAULT#G@@svc\",\"metadata\":{\"a\":\"1\"},"
        "\"enabled\":true,\"weight\":1.0,\"clusterName\":\"DEFAULT\",\"serviceName\":\"G@@svc\","
        "\"ephemeral\":true}],\"dom\":\"G@@svc\",\"name\":\"G@@svc\",\"cacheMillis\":10000,"
        "\"lastRefTime\":1795354447191,\"checksum\":\"3815\",\"useSpecifiedURL\":false,"
        "\"clusters\":\"\",\"env\":\"\",\"metadata\":{}}";

    put(f, text, -1);
    g_assert_true(load(f));
    g_assert_cmpuint(f->info->n_hosts, ==, 1);
    g_assert_cmpint(f->info->last_ref_time, ==, 1795354447191);
}

static void test_old_format(struct fixture *f, gconstpointer unused)
{
    put(f,
        "{\"ip\":\"10.0.0.1\",\"port\":80}\nnonsense\n"
        "{\"ip\":\"10.0.0.2\",\"port\":81,\"weight\":2}\n",
        -1);
    g_assert_true(load(f));
    g_assert_cmpuint(f->info->n_hosts, ==, 2);
    g_assert_cmpuint(f->info->hosts[1].port, ==, 81);
}

static void test_senseless_texts(struct fixture *f, gconstpointer unused)
{
    static const char *const texts[] = {
        "",
        "\n\n",
        "[]",
        "null",
        "{}",
        "{",
        "hello",
        "{\"name\":\"G@@svc\"}",
        "{\"name\":\"G@@svc\",\"hosts\":7}",
        "{\"name\":\"G@@other\",\"hosts\":[]}",
        "{\"name\":\"../../svc\",\"hosts\":[]}",
        "{\"hosts\":[{\"ip\":\"10.0.0.1\",\"port\":80}]}",
        "{\"port\":80}\n",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        put(f, texts[i], -1);
        check_refused(f);
    }
}

/* A file cut off anywhere is the whole list or none. */
static void test_truncated_at_every_byte(struct fixture *f, gconstpointer unused)
{
    g_autoptr(service_info) list = list_of(f->key, 2);
    g_autoptr(GBytes) bytes = disk_list_render(list);
    const char *text = g_bytes_get_data(bytes, NULL);

    for (gsize n = 0; n < g_bytes_get_size(bytes); n++) {
        put(f, text, (gssize)n);
        g_assert_true(load(f));
        g_assert_true(f->info == NULL || instances_are_same(list, f->info));
    }
}

/* No flipped bit makes another list of it. */
static void test_every_bit_flipped(struct fixture *f, gconstpointer unused)
{
    g_autoptr(service_info) list = list_of(f->key, 1);
    g_autoptr(GBytes) bytes = disk_list_render(list);
    gsize size = g_bytes_get_size(bytes);
    g_autofree char *text = g_memdup2(g_bytes_get_data(bytes, NULL), size);

    for (gsize bit = 0; bit < 8 * size; bit++) {
        text[bit / 8] ^= (char)(1 << bit % 8);
        put(f, text, (gssize)size);
        g_assert_true(load(f));
        g_assert_true(f->info == NULL || instances_are_same(list, f->info));
        text[bit / 8] ^= (char)(1 << bit % 8);
    }
}

static void test_no_plain_file(struct fixture *f, gconstpointer unused)
{
    g_autofree char *other = g_build_filename(f->dir, "other", NULL);
    g_autoptr(service_info) list = list_of(f->key, 1);
    g_autoptr(GBytes) bytes = disk_list_render(list);

    g_assert_cmpint(mkdir(f->path, 0700), ==, 0);
    check_refused(f);
    rmdir(f->path);
    g_assert_cmpint(mkfifo(f->path, 0600), ==, 0);
    check_refused(f);
    unlink(f->path);
    g_assert_true(g_file_set_contents(other, g_bytes_get_data(bytes, NULL),
                                      (gssize)g_bytes_get_size(bytes), NULL));
    g_assert_cmpint(symlink(other, f->path), ==, 0);
    check_refused(f);
    unlink(f->path);
    g_assert_cmpint(symlink("/dev/zero", f->path), ==, 0);
    check_refused(f);
    unlink(f->path);
    if (mknod(f->path, S_IFCHR | 0600, makedev(1, 5)) == 0) /* as root: /dev/zero itself */
        check_refused(f);
}

/* As somebody whom permissions bind: root reads everything. */
static void test_file_without_permissions(struct fixture *f, gconstpointer unused)
{
    uid_t me = geteuid();

    put(f, "{}", -1);
    g_assert_cmpint(chmod(f->path, 0), ==, 0);
    g_assert_cmpint(chmod(f->dir, 0755), ==, 0);
    if (me == 0)
        g_assert_cmpint(seteuid(65534), ==, 0);
    check_refused(f);
    g_assert_cmpint(seteuid(me), ==, 0);
    g_assert_cmpstr(f->why, ==, g_strerror(EACCES));
}

static void test_gigabyte_is_not_read(struct fixture *f, gconstpointer unused)
{
    gint64 began = g_get_monotonic_time();

    put(f, "", 0);
    g_assert_cmpint(truncate(f->path, 1L << 30), ==, 0);
    check_refused(f);
    g_assert_cmpint(g_get_monotonic_time() - began, <, 2 * SEC);
}

/* A long list is taken apart beside the loop. */
static void test_long_list(struct fixture *f, gconstpointer unused)
{
    g_autoptr(service_info) list = list_of(f->key, 20000);
    g_autoptr(GBytes) bytes = disk_list_render(list);

    g_assert_cmpuint(g_bytes_get_size(bytes), >, PARSE_WORKER_FROM);
    put(f, g_bytes_get_data(bytes, NULL), (gssize)g_bytes_get_size(bytes));
    g_assert_true(load(f));
    g_assert_true(instances_are_same(list, f->info));
    put(f, g_bytes_get_data(bytes, NULL), PARSE_WORKER_FROM + 7);
    check_refused(f);
}

/* --- the cache -------------------------------------------------------------------------------- */

static void on_trouble(const char *path, const struct naming_result *result, gpointer user_data)
{
    struct fixture *f = user_data;

    g_assert_cmpint(result->status, ==, NAMING_LOCAL);
    f->troubles++;
}

static struct disk_cache *cache_of(struct fixture *f, const char *dir)
{
    const struct disk_cache_config config = {
        .timers = f->timers, .dir = dir, .clusters = "", .trouble = {on_trouble, f}};

    return disk_cache_new(&config);
}

/* The kernel's word that a file is on the disk comes by the loop. */
static void pass(struct fixture *f, gint64 us)
{
    timers_advance(f->timers, us);
    for (int i = 0; i < 20; i++) {
        g_main_context_iteration(NULL, FALSE);
        g_usleep(1000);
    }
}

static void save(struct disk_cache *cache, const struct service_key *key, guint n)
{
    g_autoptr(service_info) list = list_of(key, n);

    disk_cache_save(cache, list);
}

static guint hosts_on_disk(struct fixture *f)
{
    return load(f) && f->info != NULL ? f->info->n_hosts : 0;
}

/* However long the disk takes, up to 20 s. */
static void wait_for_hosts(struct fixture *f, guint n)
{
    for (int i = 0; i < 1000 && hosts_on_disk(f) != n; i++)
        pass(f, SEC);
    g_assert_cmpuint(hosts_on_disk(f), ==, n);
}

static void test_cache_writes_and_reads(struct fixture *f, gconstpointer unused)
{
    struct disk_cache *cache = cache_of(f, f->dir);
    g_auto(GStrv) groups = NULL;
    g_auto(GStrv) names = NULL;

    save(cache, f->key, 1);
    save(cache, f->key, 2); /* within the second: one write */
    pass(f, 3 * SEC);
    wait_for_hosts(f, 2);
    groups = disk_cache_names(cache, NULL);
    names = disk_cache_names(cache, "G");
    g_assert_cmpstr(groups[0], ==, "G");
    g_assert_null(groups[1]);
    g_assert_cmpstr(names[0], ==, "svc");
    g_assert_null(names[1]);
    save(cache, f->key, 3);
    disk_cache_free(cache); /* writes what is left */
    wait_for_hosts(f, 3);
    g_assert_cmpuint(f->troubles, ==, 0);
}

/* Its file's name had to be shortened. */
static void test_long_name_comes_back(struct fixture *f, gconstpointer unused)
{
    struct disk_cache *cache = cache_of(f, f->dir);
    g_autofree char *name = g_strnfill(400, '/');
    g_autoptr(service_key) key = service_key_new("G", name);
    g_auto(GStrv) names = NULL;

    save(cache, key, 2);
    pass(f, 3 * SEC);
    names = disk_cache_names(cache, "G");
    g_assert_cmpstr(names[0], ==, name);
    g_assert_null(names[1]);
    service_key_free(f->key);
    f->key = g_steal_pointer(&key);
    g_free(f->path);
    g_autofree char *file = disk_name(f->key, "");
    f->path = g_build_filename(f->dir, file, NULL);
    wait_for_hosts(f, 2);
    disk_cache_free(cache);
}

/* A first line that lies about a shortened name, or none: nobody's. */
static void test_shortened_name_of_another(struct fixture *f, gconstpointer unused)
{
    static const char *const lines[] = {
        "", "{}\n", "#name \n", "#name G%40%40svc\n", "#name", "#name G%40%40%\n"};
    g_autofree char *name = g_strnfill(400, 'a');
    g_autoptr(service_key) key = service_key_new("G", name);
    g_autofree char *file = disk_name(key, "");

    g_free(f->path);
    f->path = g_build_filename(f->dir, file, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *clusters = NULL;

        put(f, lines[i], -1);
        g_assert_null(disk_list_key(f->dir, file, &clusters));
        g_assert_null(clusters);
    }
    struct disk_cache *cache = cache_of(f, f->dir);
    g_auto(GStrv) names = disk_cache_names(cache, NULL);
    g_assert_null(names[0]);
    g_assert_cmpuint(f->troubles, ==, 1);
    disk_cache_free(cache);
    unlink(f->path);
    g_assert_cmpint(mkfifo(f->path, 0600), ==, 0);
    g_autofree char *none = NULL;
    g_assert_null(disk_list_key(f->dir, file, &none));
}

/* A plain file where the directory should be: nothing can be written, and it is told once a minute;
 * once it can, what is newest is. */
static void test_writes_resume_after_repair(struct fixture *f, gconstpointer unused)
{
    g_autofree char *dir = g_build_filename(f->dir, "c", NULL);
    struct disk_cache *cache;

    g_assert_true(g_file_set_contents(dir, "", 0, NULL));
    cache = cache_of(f, dir);
    g_free(f->path);
    f->path = g_build_filename(dir, "G%40%40svc", NULL);
    save(cache, f->key, 1);
    for (int i = 0; i < 50; i++)
        timers_advance(f->timers, SEC);
    g_assert_cmpuint(f->troubles, ==, 1);
    save(cache, f->key, 2);
    for (int i = 0; i < 130; i++)
        timers_advance(f->timers, SEC);
    g_assert_cmpuint(f->troubles, >=, 2);
    g_assert_cmpuint(f->troubles, <=, 4);
    unlink(dir);
    pass(f, 60 * SEC);
    wait_for_hosts(f, 2);
    disk_cache_free(cache);
}

/* --- a disk that fails ------------------------------------------------------------------------ */

/* What the linker puts in place of the calls of disk_writer.c. */
static const char *failing; /* the one that fails with EIO; NULL = none */

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
gboolean __real_disk_fsync_start(struct disk_fsync *self, int fd, gpointer user_data);
gboolean __wrap_disk_fsync_start(struct disk_fsync *self, int fd, gpointer user_data);

static gboolean fails(const char *call)
{
    errno = EIO;
    return g_strcmp0(failing, call) == 0;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    if (!fails("write"))
        return __real_write(fd, bytes, size);
    if (size < 2)
        return -1;
    return __real_write(fd, bytes, size / 2); /* and the next one, or one after that, not at all */
}

int __wrap_fsync(int fd)
{
    return fails("fsync") ? -1 : __real_fsync(fd);
}

int __wrap_rename(const char *from, const char *to)
{
    return fails("rename") ? -1 : __real_rename(from, to);
}

/* As where the kernel has no fsync without waiting. */
gboolean __wrap_disk_fsync_start(struct disk_fsync *self, int fd, gpointer user_data)
{
    return g_strcmp0(failing, "fsync") != 0 && __real_disk_fsync_start(self, fd, user_data);
}

static gboolean is_empty(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

    return g_dir_read_name(dir) == NULL;
}

/* EIO: the old file stays, nothing half-written is left, it is told once a minute; later the newest
 * is written. */
static void test_disk_that_fails(struct fixture *f, gconstpointer call)
{
    struct disk_cache *cache = cache_of(f, f->dir);
    g_autofree char *own = g_build_filename(f->dir, DISK_WRITER_OWN, NULL);

    save(cache, f->key, 1);
    pass(f, 3 * SEC);
    wait_for_hosts(f, 1);
    failing = call;
    save(cache, f->key, 2);
    for (int i = 0; i < 25; i++)
        pass(f, 2 * SEC);
    for (int i = 0; i < 1000 && !(f->troubles > 0 && is_empty(own)); i++)
        pass(f, 0);
    g_assert_true(is_empty(own));
    wait_for_hosts(f, 1);
    g_assert_cmpuint(f->troubles, ==, 1);
    save(cache, f->key, 3);
    failing = NULL;
    pass(f, 60 * SEC);
    wait_for_hosts(f, 3);
    disk_cache_free(cache);
}

/* What stands in the way of one file hinders no other. */
static void test_directory_in_the_way(struct fixture *f, gconstpointer unused)
{
    struct disk_cache *cache = cache_of(f, f->dir);
    g_autoptr(service_key) blocked = service_key_new("G", "blocked");
    g_autofree char *way = g_build_filename(f->dir, "G%40%40blocked", NULL);

    g_assert_cmpint(mkdir(way, 0700), ==, 0);
    save(cache, blocked, 1);
    save(cache, f->key, 1);
    pass(f, 3 * SEC);
    pass(f, 3 * SEC);
    wait_for_hosts(f, 1);
    g_assert_cmpuint(f->troubles, ==, 1);
    disk_cache_free(cache);
}

/* Whatever is at its name is replaced, never followed. */
static void test_symbolic_link_is_replaced(struct fixture *f, gconstpointer unused)
{
    struct disk_cache *cache = cache_of(f, f->dir);
    g_autofree char *victim = g_build_filename(f->dir, "victim", NULL);
    g_autofree char *text = NULL;

    g_assert_true(g_file_set_contents(victim, "precious", -1, NULL));
    g_assert_cmpint(symlink(victim, f->path), ==, 0);
    save(cache, f->key, 1);
    disk_cache_free(cache);
    wait_for_hosts(f, 1);
    g_assert_true(g_file_get_contents(victim, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "precious");
}

static void test_nothing_is_left_over(struct fixture *f, gconstpointer unused)
{
    struct disk_cache *cache;
    g_autofree char *own = g_build_filename(f->dir, DISK_WRITER_OWN, NULL);
    g_autofree char *old = g_build_filename(own, "new.1.0", NULL);
    g_autoptr(GDir) dir = NULL;
    const struct utimbuf long_ago = {1000, 1000};

    g_assert_cmpint(mkdir(own, 0700), ==, 0);
    g_assert_true(g_file_set_contents(old, "{", -1, NULL));
    g_assert_cmpint(g_utime(old, (struct utimbuf *)&long_ago), ==, 0);
    cache = cache_of(f, f->dir);
    save(cache, f->key, 1);
    timers_advance(f->timers, 2 * SEC); /* under way when the end comes */
    disk_cache_free(cache);
    wait_for_hosts(f, 1);
    dir = g_dir_open(own, 0, NULL);
    g_assert_null(g_dir_read_name(dir));
}

/* --- protection against empty lists ----------------------------------------------------------- */

static void test_protection(struct fixture *f, gconstpointer unused)
{
    struct empty_protection protection = {0};
    g_autoptr(service_info) none = list_of(f->key, 0);
    g_autoptr(service_info) two = list_of(f->key, 2);
    g_autoptr(service_info) sick = list_of(f->key, 2);

    sick->hosts[0].healthy = FALSE;
    sick->hosts[1].weight = 0;
    g_assert_false(empty_protection_holds(&protection, NULL, none)); /* it says so: it is empty */
    g_assert_true(empty_protection_holds(&protection, two, none));
    g_assert_cmpuint(protection.hosts, ==, 0);
    g_assert_true(empty_protection_holds(&protection, two, sick));
    g_assert_cmpuint(protection.hosts, ==, 2);
    g_assert_false(empty_protection_holds(&protection, two, two));
    none->all_ips = TRUE; /* the server vouches for it */
    g_assert_false(empty_protection_holds(&protection, two, none));
    none->all_ips = FALSE;
    g_assert_false(protection.active);
    g_assert_false(empty_protection_holds(&protection, sick, none)); /* nothing to protect */
}

#define add(path, fn) g_test_add(path, struct fixture, NULL, set_up, fn, tear_down)

int main(int argc, char *argv[])
{
    static const char *const calls[] = {"write", "fsync", "rename"};

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/disk/names-are-javas", test_names_are_javas);
    g_test_add_func("/disk/no-name-leads-out", test_no_name_leads_out);
    g_test_add_func("/disk/names-come-back", test_names_come_back);
    g_test_add_func("/disk/long-names-differ", test_long_names_differ);
    g_test_add_func("/disk/names-of-others", test_names_of_others);
    add("/disk/list-comes-back", test_list_comes_back);
    add("/disk/javas-file", test_javas_file);
    add("/disk/old-format", test_old_format);
    add("/disk/senseless-texts", test_senseless_texts);
    add("/disk/truncated-at-every-byte", test_truncated_at_every_byte);
    add("/disk/every-bit-flipped", test_every_bit_flipped);
    add("/disk/no-plain-file", test_no_plain_file);
    add("/disk/file-without-permissions", test_file_without_permissions);
    add("/disk/gigabyte-is-not-read", test_gigabyte_is_not_read);
    add("/disk/long-list", test_long_list);
    add("/disk/cache-writes-and-reads", test_cache_writes_and_reads);
    add("/disk/long-name-comes-back", test_long_name_comes_back);
    add("/disk/shortened-name-of-another", test_shortened_name_of_another);
    add("/disk/writes-resume-after-repair", test_writes_resume_after_repair);
    for (gsize i = 0; i < G_N_ELEMENTS(calls); i++) {
        g_autofree char *path = g_strconcat("/disk/eio-of-", calls[i], NULL);

        g_test_add(path, struct fixture, calls[i], set_up, test_disk_that_fails, tear_down);
    }
    add("/disk/directory-in-the-way", test_directory_in_the_way);
    add("/disk/symbolic-link-is-replaced", test_symbolic_link_is_replaced);
    add("/disk/nothing-is-left-over", test_nothing_is_left_over);
    add("/disk/protection", test_protection);
    return g_test_run();
}
