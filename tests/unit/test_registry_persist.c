/* SPDX-License-Identifier: MIT */
#include "naming/registry/persist.h"

#include <glib/gstdio.h>
#include <string.h>

struct fixture {
    char *directory;
    struct persist *persist;
    struct store *store;
    struct metadata metadata;
    struct store_change change;
};

/* A registry's life: another one begins where this one ends. */
static void begin(struct fixture *f)
{
    g_autoptr(GError) error = NULL;
    f->persist = persist_new(f->directory);
    f->store = store_new(0);
    g_assert_true(persist_load(f->persist, f->store, 0, &error));
    g_assert_no_error(error);
    f->store->journal = persist_journal(f->persist);
}

static void end(struct fixture *f)
{
    store_free(f->store);
    persist_free(f->persist);
}

static void set_up(struct fixture *f, gconstpointer unused)
{
    g_autofree char *top = g_dir_make_tmp("registry-persist.XXXXXX", NULL);
    f->directory = g_build_filename(top, "127.0.0.1:8848", NULL);
    g_assert_true(metadata_parse("{\"a\":\"b \\\"c\"}", &f->metadata, NULL));
    begin(f);
}

static void remove_files(const char *directory)
{
    static const char *const names[] = {"registry.db", "registry.db-wal", "registry.db-journal"};
    g_autofree char *top = g_path_get_dirname(directory);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(directory, names[i], NULL);
        g_unlink(path);
    }
    g_rmdir(directory);
    g_rmdir(top);
}

static void tear_down(struct fixture *f, gconstpointer unused)
{
    end(f);
    remove_files(f->directory);
    g_free(f->directory);
    metadata_clear(&f->metadata);
}

static struct store_record record_of(struct fixture *f, const char *ip, gboolean persistent)
{
    return (struct store_record){
        .id = {.namespace_id = "dev",
               .service = "G@@s",
               .ip = ip,
               .port = 80,
               .cluster = "hz",
               .persistent = persistent},
        .metadata = &f->metadata,
        .weight = 2.5,
        .healthy = TRUE,
    };
}

static struct store_instance *add(struct fixture *f, const char *ip, gboolean persistent)
{
    struct store_record record = record_of(f, ip, persistent);
    g_assert_true(store_register(f->store, &record, 0, &f->change, NULL));
    return store_find(f->store, &record.id);
}

static struct store_instance *find(struct fixture *f, const char *ip)
{
    struct store_id id = record_of(f, ip, TRUE).id;
    return store_find(f->store, &id);
}

static void test_nothing_on_disk_for_nothing(struct fixture *f, gconstpointer unused)
{
    add(f, "10.0.0.1", FALSE);
    g_assert_true(store_deregister(f->store, f->change.instance, 0, &f->change, NULL));
    g_assert_false(g_file_test(f->directory, G_FILE_TEST_EXISTS));
}

static void test_instance_is_there_again(struct fixture *f, gconstpointer unused)
{
    add(f, "10.0.0.1", TRUE);
    add(f, "10.0.0.2", FALSE);
    end(f);
    begin(f);
    struct store_instance *instance = find(f, "10.0.0.1");
    g_assert_cmpuint(f->store->instance_count, ==, 1);
    g_assert_cmpfloat(instance->weight, ==, 2.5);
    g_assert_cmpstr(instance->metadata.json, ==, f->metadata.json);
    g_assert_cmpstr(instance->cluster, ==, "hz");
    g_assert_true(instance->healthy);
    g_assert_false(instance->enabled);
    g_assert_false(instance->ephemeral);
}

static void test_last_update_counts(struct fixture *f, gconstpointer unused)
{
    struct store_record record = record_of(f, NULL, TRUE);
    struct store_instance *instance = add(f, "10.0.0.1", TRUE);
    record.weight = 7;
    record.enabled = TRUE;
    g_assert_true(store_update(f->store, instance, &record, &f->change, NULL));
    g_assert_true(store_set_health(f->store, instance, FALSE, &f->change, NULL));
    end(f);
    begin(f);
    instance = find(f, "10.0.0.1");
    g_assert_cmpfloat(instance->weight, ==, 7);
    g_assert_true(instance->enabled);
    g_assert_false(instance->healthy);
}

static void test_deregistered_stays_away(struct fixture *f, gconstpointer unused)
{
    struct store_instance *instance = add(f, "10.0.0.1", TRUE);
    add(f, "10.0.0.2", TRUE);
    g_assert_true(store_deregister(f->store, instance, 0, &f->change, NULL));
    end(f);
    begin(f);
    g_assert_null(find(f, "10.0.0.1"));
    g_assert_nonnull(find(f, "10.0.0.2"));
}

static void configure(struct fixture *f)
{
    struct checker checker;
    struct store_service_record service = {"dev", "G@@s", &f->metadata, 0.5};
    g_assert_true(store_create_service(f->store, &service, NULL));
    g_assert_true(checker_parse("{\"type\":\"MYSQL\",\"pwd\":\"secret\"}", &checker, NULL));
    struct store_cluster_record cluster = {"dev", "G@@s", "hz", &checker, &f->metadata, 81, FALSE};
    g_assert_true(store_update_cluster(f->store, &cluster, 0, NULL));
    checker_clear(&checker);
}

static void test_settings_are_there_again(struct fixture *f, gconstpointer unused)
{
    configure(f);
    end(f);
    begin(f);
    struct store_service *service = store_service(f->store, "dev", "G@@s");
    const struct store_cluster *cluster = store_cluster(service, "hz");
    g_assert_cmpfloat(service->protect_threshold, ==, 0.5);
    g_assert_cmpstr(service->metadata.json, ==, f->metadata.json);
    g_assert_true(service->created);
    g_assert_cmpint(cluster->checker.type, ==, CHECKER_MYSQL);
    g_assert_cmpstr(cluster->checker.password, ==, "secret");
    g_assert_cmpint(cluster->check_port, ==, 81);
    g_assert_false(cluster->use_instance_port);
}

static void test_removed_service_stays_away(struct fixture *f, gconstpointer unused)
{
    configure(f);
    add(f, "10.0.0.1", TRUE);
    g_assert_true(store_remove_service(f->store, store_service(f->store, "dev", "G@@s"), NULL));
    end(f);
    begin(f);
    g_assert_null(store_service(f->store, "dev", "G@@s"));
    add(f, "10.0.0.1", FALSE);
    g_assert_cmpint(store_cluster(f->change.service, "hz")->checker.type, ==, CHECKER_TCP);
}

static void test_one_process_alone(struct fixture *f, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    add(f, "10.0.0.1", TRUE);
    struct persist *other = persist_new(f->directory);
    struct store *store = store_new(0);
    g_assert_false(persist_load(other, store, 0, &error));
    g_assert_error(error, REGISTRY_ERROR, REGISTRY_ERROR_DISK);
    g_assert_nonnull(strstr(error->message, "in use by another process"));
    store_free(store);
    persist_free(other);
}

static void test_damaged(struct fixture *f, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(f->directory, "registry.db", NULL);
    add(f, "10.0.0.1", TRUE);
    end(f);
    g_assert_true(
        g_file_set_contents(path, "this is no database, and long enough for one", -1, NULL));
    f->persist = persist_new(f->directory);
    f->store = store_new(0);
    g_assert_false(persist_load(f->persist, f->store, 0, &error));
    g_assert_error(error, REGISTRY_ERROR, REGISTRY_ERROR_DISK);
}

/* A directory that cannot be made stands for a disk that is full. */
static void test_what_is_not_kept_is_not_done(struct fixture *f, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *file = g_strconcat(f->directory, ".file", NULL);
    struct store_record record = record_of(f, "10.0.0.1", TRUE);
    struct persist *nowhere = persist_new(file);
    g_assert_true(g_file_set_contents(file, "", 0, NULL));
    f->store->journal = persist_journal(nowhere);
    g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "not kept on disk: *");
    g_assert_false(store_register(f->store, &record, 0, &f->change, &error));
    g_test_assert_expected_messages();
    g_assert_error(error, REGISTRY_ERROR, REGISTRY_ERROR_DISK);
    g_assert_cmpint(f->change.kind, ==, STORE_UNCHANGED);
    g_assert_cmpuint(f->store->instance_count, ==, 0);
    f->store->journal = NULL;
    persist_free(nowhere);
    g_unlink(file);
}

static void test_nowhere_to_keep(struct fixture *f, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    struct store_record record = record_of(f, "10.0.0.1", TRUE);
    struct persist *none = persist_new(NULL);
    f->store->journal = persist_journal(none);
    g_assert_false(store_register(f->store, &record, 0, &f->change, &error));
    g_assert_error(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT);
    configure(f);
    f->store->journal = NULL;
    persist_free(none);
}

static void test_directory_is_ours_alone(struct fixture *f, gconstpointer unused)
{
    GStatBuf status;
    add(f, "10.0.0.1", TRUE);
    g_assert_cmpint(g_stat(f->directory, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0700);
    g_autofree char *path = g_build_filename(f->directory, "registry.db", NULL);
    g_assert_cmpint(g_stat(path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
}

#define ADD(name, function)                                                                        \
    g_test_add("/registry/persist/" name, struct fixture, NULL, set_up, function, tear_down)

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    ADD("nothing", test_nothing_on_disk_for_nothing);
    ADD("instance", test_instance_is_there_again);
    ADD("update", test_last_update_counts);
    ADD("deregistered", test_deregistered_stays_away);
    ADD("settings", test_settings_are_there_again);
    ADD("removed-service", test_removed_service_stays_away);
    ADD("lock", test_one_process_alone);
    ADD("damaged", test_damaged);
    ADD("not-kept", test_what_is_not_kept_is_not_done);
    ADD("nowhere", test_nowhere_to_keep);
    ADD("directory", test_directory_is_ours_alone);
    return g_test_run();
}
