/* SPDX-License-Identifier: MIT */
#include "naming/registry/check.h"

#include "naming/registry/probe.h"

#define MS 1000

static const struct probe_result ok = {PROBE_OK, PROBE_TIME_MEASURED, 3};
static const struct probe_result fails = {PROBE_FAIL, PROBE_TIME_DOUBLED, 500};
static const struct probe_result fails_now = {PROBE_FAIL_NOW, PROBE_TIME_MAX, 0};

struct fixture {
    struct store *store;
    struct metadata none;
    struct store_instance *instance;
    struct store_change change;
};

static void set_up(struct fixture *f, gconstpointer unused)
{
    f->store = store_new(0);
    g_assert_true(metadata_parse(NULL, &f->none, NULL));
    struct store_record record = {
        .id = {.namespace_id = "public",
               .service = "G@@s",
               .ip = "127.0.0.1",
               .port = 80,
               .persistent = TRUE},
        .metadata = &f->none,
        .weight = 1,
        .healthy = TRUE,
        .enabled = TRUE,
    };
    g_assert_true(store_register(f->store, &record, 0, &f->change, NULL));
    f->instance = f->change.instance;
}

static void tear_down(struct fixture *f, gconstpointer unused)
{
    store_free(f->store);
    metadata_clear(&f->none);
}

static void result(struct fixture *f, const struct probe_result *one, gboolean healthy)
{
    check_result(f->store, f->instance->check, one, 0, &f->change);
    g_assert_cmpint(f->instance->healthy, ==, healthy);
}

static void use(struct fixture *f, const char *json)
{
    struct checker checker;
    g_assert_true(checker_parse(json, &checker, NULL));
    struct store_cluster_record record = {"public", "G@@s", "DEFAULT", &checker,
                                          &f->none, 80,     TRUE};
    g_assert_true(store_update_cluster(f->store, &record, 0, NULL));
    checker_clear(&checker);
}

static void test_first_after_the_interval(struct fixture *f, gconstpointer unused)
{
    gint64 due = timeline_next(f->store->checks);
    g_assert_cmpint(due, >=, 2000 * MS);
    g_assert_cmpint(due, <, 7000 * MS);
    g_assert_true(f->instance->healthy);
}

static void test_three_fails(struct fixture *f, gconstpointer unused)
{
    result(f, &fails, TRUE);
    result(f, &fails, TRUE);
    g_assert_cmpint(f->change.kind, ==, STORE_UNCHANGED);
    result(f, &fails, FALSE);
    g_assert_cmpint(f->change.kind, ==, STORE_UNHEALTHY);
}

static void test_three_successes(struct fixture *f, gconstpointer unused)
{
    result(f, &fails_now, FALSE);
    result(f, &ok, FALSE);
    result(f, &ok, FALSE);
    result(f, &ok, TRUE);
    g_assert_cmpint(f->change.kind, ==, STORE_MODIFIED);
}

static void test_the_other_begins_anew(struct fixture *f, gconstpointer unused)
{
    result(f, &fails, TRUE);
    result(f, &fails, TRUE);
    result(f, &ok, TRUE);
    result(f, &fails, TRUE);
    result(f, &fails, TRUE);
    result(f, &fails, FALSE);
}

static void test_a_fail_between_successes(struct fixture *f, gconstpointer unused)
{
    result(f, &fails_now, FALSE);
    result(f, &ok, FALSE);
    result(f, &ok, FALSE);
    result(f, &fails, FALSE);
    result(f, &ok, FALSE);
    result(f, &ok, FALSE);
    result(f, &ok, TRUE);
}

static void test_fail_now(struct fixture *f, gconstpointer unused)
{
    result(f, &fails_now, FALSE);
    g_assert_cmpint(f->change.kind, ==, STORE_UNHEALTHY);
}

static void test_unproven(struct fixture *f, gconstpointer unused)
{
    check_unproven(f->store, f->instance->check, 77);
    g_assert_false(f->instance->healthy);
    g_assert_cmpint(timeline_next(f->store->checks), ==, 77);
    result(f, &ok, TRUE);
    g_assert_cmpint(f->change.kind, ==, STORE_MODIFIED);
    result(f, &fails, TRUE);
}

static void test_intervals(struct fixture *f, gconstpointer unused)
{
    static const struct {
        const char *checker;
        int before;
        const struct probe_result *result;
        int after;
    } rows[] = {
        {"{\"type\":\"TCP\"}", 2000, &ok, 1500},
        {"{\"type\":\"TCP\"}", 1000, &ok, 1000},
        {"{\"type\":\"TCP\"}", 2000, &fails, 2500},
        {"{\"type\":\"TCP\"}", 5000, &fails, 5000},
        {"{\"type\":\"TCP\"}", 2000, &fails_now, 2750},
        {"{\"type\":\"HTTP\"}", 2000, &ok, 1700},
        {"{\"type\":\"HTTP\"}", 500, &ok, 500},
        {"{\"type\":\"HTTP\"}", 2000, &fails, 2300},
        {"{\"type\":\"MYSQL\"}", 3000, &ok, 2000},
        {"{\"type\":\"MYSQL\"}", 2000, &fails_now, 2350},
        {"{\"type\":\"MYSQL\"}", 3000, &fails, 3000},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        use(f, rows[i].checker);
        f->instance->check->interval_ms = rows[i].before;
        check_result(f->store, f->instance->check, rows[i].result, 0, &f->change);
        g_assert_cmpint(f->instance->check->interval_ms, ==, rows[i].after);
        g_assert_cmpint(timeline_next(f->store->checks), ==, rows[i].after * MS);
    }
}

static void test_new_checker_forgets_what_is_under_way(struct fixture *f, gconstpointer unused)
{
    struct probe probe = {.check = f->instance->check};
    f->instance->check->probe = &probe;
    result(f, &fails, TRUE);
    f->instance->check->probe = &probe;
    use(f, "{\"type\":\"HTTP\"}");
    g_assert_null(probe.check);
    g_assert_cmpint(timeline_next(f->store->checks), ==, 0);
    result(f, &fails, TRUE);
    result(f, &fails, TRUE);
    result(f, &fails, FALSE);
}

static void test_deregistered_under_way(struct fixture *f, gconstpointer unused)
{
    struct probe probe = {.check = f->instance->check};
    f->instance->check->probe = &probe;
    g_assert_true(store_deregister(f->store, f->instance, 0, &f->change, NULL));
    g_assert_null(probe.check);
    g_assert_cmpint(timeline_next(f->store->checks), ==, TIMELINE_NEVER);
    g_assert_cmpuint(f->store->persistent_count, ==, 0);
}

static void test_reregistered_keeps_its_health(struct fixture *f, gconstpointer unused)
{
    struct store_record record = store_record_of(f->instance);
    result(f, &fails_now, FALSE);
    record.healthy = TRUE;
    record.weight = 2;
    g_assert_true(store_register(f->store, &record, 0, &f->change, NULL));
    g_assert_false(f->instance->healthy);
    g_assert_cmpfloat(f->instance->weight, ==, 2);
}

#define ADD(name, function)                                                                        \
    g_test_add("/registry/check/" name, struct fixture, NULL, set_up, function, tear_down)

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    ADD("first", test_first_after_the_interval);
    ADD("three-fails", test_three_fails);
    ADD("three-successes", test_three_successes);
    ADD("anew", test_the_other_begins_anew);
    ADD("fail-between", test_a_fail_between_successes);
    ADD("fail-now", test_fail_now);
    ADD("unproven", test_unproven);
    ADD("intervals", test_intervals);
    ADD("new-checker", test_new_checker_forgets_what_is_under_way);
    ADD("deregistered", test_deregistered_under_way);
    ADD("reregistered", test_reregistered_keeps_its_health);
    return g_test_run();
}
