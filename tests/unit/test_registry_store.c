/* SPDX-License-Identifier: MIT */
#include "naming/registry/store.h"

#define SECOND G_USEC_PER_SEC

struct fixture {
    struct store *store;
    struct metadata none;
    struct store_change change;
};

static void set_up(struct fixture *f, gconstpointer unused)
{
    f->store = store_new(60 * SECOND);
    g_assert_true(metadata_parse(NULL, &f->none, NULL));
}

static void tear_down(struct fixture *f, gconstpointer unused)
{
    store_free(f->store);
    metadata_clear(&f->none);
}

static struct store_record record_of(struct fixture *f, const char *ip, const char *cluster)
{
    return (struct store_record){
        .id =
            {.namespace_id = "public", .service = "G@@s", .ip = ip, .cluster = cluster, .port = 80},
        .metadata = &f->none,
        .weight = 1,
        .healthy = TRUE,
        .enabled = TRUE,
    };
}

static struct store_instance *add(struct fixture *f, const char *ip, const char *cluster)
{
    struct store_record record = record_of(f, ip, cluster);
    g_assert_true(store_register(f->store, &record, 0, &f->change, NULL));
    return f->change.instance ? f->change.instance : store_find(f->store, &record.id);
}

static void test_register(struct fixture *f, gconstpointer unused)
{
    struct store_instance *instance = add(f, "10.0.0.1", NULL);
    g_assert_cmpint(f->change.kind, ==, STORE_REGISTERED);
    g_assert_cmpstr(instance->cluster, ==, "DEFAULT");
    g_assert_cmpstr(instance->service->name, ==, "G@@s");
    g_assert_cmpuint(f->store->instance_count, ==, 1);
    g_assert_cmpuint(f->store->service_count, ==, 1);
}

static void test_same_record_changes_nothing(struct fixture *f, gconstpointer unused)
{
    add(f, "10.0.0.1", NULL);
    add(f, "10.0.0.1", "DEFAULT");
    g_assert_cmpint(f->change.kind, ==, STORE_UNCHANGED);
    g_assert_cmpuint(f->store->instance_count, ==, 1);
}

static void test_replace(struct fixture *f, gconstpointer unused)
{
    struct store_instance *instance = add(f, "10.0.0.1", NULL);
    struct store_record record = record_of(f, "10.0.0.1", NULL);
    record.weight = 3;
    g_assert_true(store_register(f->store, &record, 5, &f->change, NULL));
    g_assert_cmpint(f->change.kind, ==, STORE_MODIFIED);
    g_assert_true(f->change.instance == instance);
    g_assert_cmpfloat(instance->weight, ==, 3);
    g_assert_cmpint(instance->last_beat, ==, 5);
}

static void test_small_weight_is_rounded(struct fixture *f, gconstpointer unused)
{
    struct store_record record = record_of(f, "10.0.0.1", NULL);
    record.weight = 0.001;
    g_assert_true(store_register(f->store, &record, 0, &f->change, NULL));
    g_assert_cmpfloat(f->change.instance->weight, ==, STORE_MIN_WEIGHT);
}

static void test_bad_weights(struct fixture *f, gconstpointer unused)
{
    const double weights[] = {-1, 10001, G_MAXDOUBLE, 0.0 / 0.0};
    struct store_record record = record_of(f, "10.0.0.1", NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(weights); i++) {
        g_autoptr(GError) error = NULL;
        record.weight = weights[i];
        g_assert_false(store_register(f->store, &record, 0, &f->change, &error));
        g_assert_error(error, REGISTRY_ERROR, REGISTRY_ERROR_NACOS);
    }
    g_assert_cmpuint(f->store->service_count, ==, 0);
}

static void test_bad_name_leaves_nothing(struct fixture *f, gconstpointer unused)
{
    struct store_record record = record_of(f, "10.0.0.1", NULL);
    record.id.service = "G@@a b";
    g_assert_false(store_register(f->store, &record, 0, &f->change, NULL));
    g_assert_null(store_namespace(f->store, "public"));
}

static void test_clusters_are_kept_apart(struct fixture *f, gconstpointer unused)
{
    struct store_instance *a = add(f, "10.0.0.1", "a");
    struct store_instance *b = add(f, "10.0.0.1", "b");
    struct store_id id = record_of(f, "10.0.0.1", "b").id;
    g_assert_true(a != b);
    g_assert_true(store_find(f->store, &id) == b);
}

static void test_namespaces_are_kept_apart(struct fixture *f, gconstpointer unused)
{
    struct store_record record = record_of(f, "10.0.0.1", NULL);
    record.id.namespace_id = "other";
    add(f, "10.0.0.1", NULL);
    g_assert_null(store_find(f->store, &record.id));
}

static void test_unnamed_cluster_finds_the_only_one(struct fixture *f, gconstpointer unused)
{
    struct store_id id = record_of(f, "10.0.0.1", NULL).id;
    struct store_instance *a = add(f, "10.0.0.1", "a");
    add(f, "10.0.0.2", "a");
    g_assert_true(store_find(f->store, &id) == a);
    add(f, "10.0.0.1", "b");
    g_assert_null(store_find(f->store, &id));
    struct store_instance *plain = add(f, "10.0.0.1", "DEFAULT");
    g_assert_true(store_find(f->store, &id) == plain);
}

static void test_wrong_cluster_finds_nothing(struct fixture *f, gconstpointer unused)
{
    struct store_id id = record_of(f, "10.0.0.1", "b").id;
    add(f, "10.0.0.1", "a");
    g_assert_null(store_find(f->store, &id));
}

static void test_deregister(struct fixture *f, gconstpointer unused)
{
    struct store_id id = record_of(f, "10.0.0.1", NULL).id;
    struct store_instance *instance = add(f, "10.0.0.1", NULL);
    store_deregister(f->store, instance, 0, &f->change, NULL);
    g_assert_cmpint(f->change.kind, ==, STORE_DEREGISTERED);
    g_assert_null(store_find(f->store, &id));
    g_assert_cmpuint(f->store->instance_count, ==, 0);
    g_assert_nonnull(store_service(f->store, "public", "G@@s"));
}

static void test_update_keeps_the_last_beat(struct fixture *f, gconstpointer unused)
{
    struct store_instance *instance = add(f, "10.0.0.1", NULL);
    struct store_record record = record_of(f, "10.0.0.1", NULL);
    instance->healthy = FALSE;
    record.enabled = FALSE;
    g_assert_true(store_update(f->store, instance, &record, &f->change, NULL));
    g_assert_cmpint(f->change.kind, ==, STORE_MODIFIED);
    g_assert_false(instance->enabled);
    g_assert_false(instance->healthy);
    g_assert_cmpint(instance->last_beat, ==, 0);
}

static void test_create_service_twice(struct fixture *f, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    struct store_service_record record = {"public", "G@@made", &f->none, 0.4};
    g_assert_true(store_create_service(f->store, &record, NULL));
    g_assert_false(store_create_service(f->store, &record, &error));
    g_assert_error(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT);
}

static void test_remove_service_with_instances(struct fixture *f, gconstpointer unused)
{
    add(f, "10.0.0.1", NULL);
    store_remove_service(f->store, store_service(f->store, "public", "G@@s"), NULL);
    g_assert_cmpuint(f->store->instance_count, ==, 0);
    g_assert_cmpuint(f->store->service_count, ==, 0);
    g_assert_null(store_namespace(f->store, "public"));
}

static void test_ref_time_grows(struct fixture *f, gconstpointer unused)
{
    struct store_service *service = add(f, "10.0.0.1", NULL)->service;
    g_assert_cmpint(store_ref_time(f->store, service, 1000), ==, 1000);
    g_assert_cmpint(store_ref_time(f->store, service, 1000), ==, 1001);
    g_assert_cmpint(store_ref_time(f->store, service, 10), ==, 1002);
    g_assert_cmpint(store_ref_time(f->store, service, 2000), ==, 2000);
}

static void test_ref_time_outlives_the_service(struct fixture *f, gconstpointer unused)
{
    struct store_service *service = add(f, "10.0.0.1", NULL)->service;
    store_ref_time(f->store, service, 1000);
    store_remove_service(f->store, service, NULL);
    g_assert_cmpint(store_ref_time(f->store, NULL, 1000), ==, 1001);
    service = add(f, "10.0.0.1", NULL)->service;
    g_assert_cmpint(store_ref_time(f->store, service, 1000), ==, 1002);
}

static void test_checksum_follows_what_is_listed(struct fixture *f, gconstpointer unused)
{
    struct store_service *service = add(f, "10.0.0.1", NULL)->service;
    g_autofree char *before = g_strdup(store_checksum(service));
    add(f, "10.0.0.1", NULL);
    g_assert_cmpstr(store_checksum(service), ==, before);
    store_deregister(f->store, add(f, "10.0.0.2", NULL), 0, &f->change, NULL);
    g_assert_cmpstr(store_checksum(service), ==, before);
    add(f, "10.0.0.3", NULL);
    g_assert_cmpstr(store_checksum(service), !=, before);
}

static void test_cap(struct fixture *f, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    struct store_record record = record_of(f, "10.0.0.1", NULL);
    add(f, "10.0.0.1", NULL);
    f->store->instance_count = STORE_MAX_INSTANCES;
    g_assert_true(store_register(f->store, &record, 0, &f->change, NULL));
    record.id.port = 81;
    g_assert_false(store_register(f->store, &record, 0, &f->change, &error));
    g_assert_error(error, REGISTRY_ERROR, REGISTRY_ERROR_FULL);
}

#define ADD(name, function)                                                                        \
    g_test_add("/registry/store/" name, struct fixture, NULL, set_up, function, tear_down)

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    ADD("register", test_register);
    ADD("same-record", test_same_record_changes_nothing);
    ADD("replace", test_replace);
    ADD("small-weight", test_small_weight_is_rounded);
    ADD("bad-weights", test_bad_weights);
    ADD("bad-name", test_bad_name_leaves_nothing);
    ADD("clusters", test_clusters_are_kept_apart);
    ADD("namespaces", test_namespaces_are_kept_apart);
    ADD("unnamed-cluster", test_unnamed_cluster_finds_the_only_one);
    ADD("wrong-cluster", test_wrong_cluster_finds_nothing);
    ADD("deregister", test_deregister);
    ADD("update", test_update_keeps_the_last_beat);
    ADD("create-service-twice", test_create_service_twice);
    ADD("remove-service", test_remove_service_with_instances);
    ADD("ref-time-grows", test_ref_time_grows);
    ADD("ref-time-outlives-service", test_ref_time_outlives_the_service);
    ADD("checksum", test_checksum_follows_what_is_listed);
    ADD("cap", test_cap);
    return g_test_run();
}
