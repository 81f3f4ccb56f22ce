/* SPDX-License-Identifier: MIT */
#include "naming/registry/health.h"

#define MS 1000
#define SECOND G_USEC_PER_SEC

struct fixture {
    struct store *store;
    struct metadata metadata;
    struct store_change change;
};

static void set_up(struct fixture *f, gconstpointer metadata)
{
    f->store = store_new(60 * SECOND);
    g_assert_true(metadata_parse(metadata, &f->metadata, NULL));
}

static void tear_down(struct fixture *f, gconstpointer unused)
{
    store_free(f->store);
    metadata_clear(&f->metadata);
}

static struct store_instance *add(struct fixture *f, const char *ip, gint64 now)
{
    struct store_record record = {
        .id = {.namespace_id = "public", .service = "G@@s", .ip = ip, .port = 80},
        .metadata = &f->metadata,
        .weight = 1,
        .healthy = TRUE,
        .enabled = TRUE,
    };
    g_assert_true(store_register(f->store, &record, now, &f->change, NULL));
    return store_find(f->store, &record.id);
}

static void test_times(struct fixture *f, gconstpointer unused)
{
    struct store_instance *instance = add(f, "10.0.0.1", 0);
    g_assert_cmpint(health_next(f->store), ==, 15 * SECOND);
    g_assert_false(health_step(f->store, 15 * SECOND - MS, &f->change));
    g_assert_true(instance->healthy);
    g_assert_true(health_step(f->store, 15 * SECOND, &f->change));
    g_assert_cmpint(f->change.kind, ==, STORE_UNHEALTHY);
    g_assert_false(instance->healthy);
    g_assert_cmpint(health_next(f->store), ==, 30 * SECOND);
    g_assert_true(health_step(f->store, 30 * SECOND, &f->change));
    g_assert_cmpint(f->change.kind, ==, STORE_EXPIRED);
    g_assert_cmpuint(f->store->instance_count, ==, 0);
}

static void test_own_times(struct fixture *f, gconstpointer unused)
{
    add(f, "10.0.0.1", 0);
    g_assert_false(health_step(f->store, 299 * MS, &f->change));
    g_assert_true(health_step(f->store, 300 * MS, &f->change));
    g_assert_cmpint(f->change.kind, ==, STORE_UNHEALTHY);
    g_assert_true(health_step(f->store, 600 * MS, &f->change));
    g_assert_cmpint(f->change.kind, ==, STORE_EXPIRED);
}

static void test_beats_keep_it_healthy(struct fixture *f, gconstpointer unused)
{
    struct store_instance *instance = add(f, "10.0.0.1", 0);
    for (gint64 now = 0; now < 100 * SECOND; now += 5 * SECOND) {
        health_beat(f->store, instance, now, &f->change);
        g_assert_cmpint(f->change.kind, ==, STORE_UNCHANGED);
        g_assert_false(health_step(f->store, now, &f->change));
    }
    g_assert_true(instance->healthy);
}

static void test_beat_heals(struct fixture *f, gconstpointer unused)
{
    struct store_instance *instance = add(f, "10.0.0.1", 0);
    g_assert_true(health_step(f->store, 15 * SECOND, &f->change));
    health_beat(f->store, instance, 20 * SECOND, &f->change);
    g_assert_cmpint(f->change.kind, ==, STORE_MODIFIED);
    g_assert_true(instance->healthy);
    g_assert_false(health_step(f->store, 35 * SECOND - MS, &f->change));
    g_assert_true(health_step(f->store, 35 * SECOND, &f->change));
    g_assert_cmpint(f->change.kind, ==, STORE_UNHEALTHY);
}

static void test_shorter_times_count_at_once(struct fixture *f, gconstpointer unused)
{
    add(f, "10.0.0.1", 0);
    metadata_clear(&f->metadata);
    g_assert_true(metadata_parse("preserved.heart.beat.timeout=1000", &f->metadata, NULL));
    add(f, "10.0.0.1", 2 * SECOND);
    g_assert_false(health_step(f->store, 3 * SECOND - MS, &f->change));
    g_assert_true(health_step(f->store, 3 * SECOND, &f->change));
    g_assert_cmpint(f->change.kind, ==, STORE_UNHEALTHY);
}

static void test_only_the_silent_ones_go(struct fixture *f, gconstpointer unused)
{
    struct store_instance *beating = add(f, "10.0.0.1", 0);
    add(f, "10.0.0.2", 0);
    health_beat(f->store, beating, 10 * SECOND, &f->change);
    g_assert_true(health_step(f->store, 15 * SECOND, &f->change));
    g_assert_cmpstr(f->change.instance->ip, ==, "10.0.0.2");
    g_assert_false(health_step(f->store, 15 * SECOND, &f->change));
}

/* The brake must have seen all of them before the first one goes. */
static void test_late_step_makes_unhealthy_before_anything_goes(struct fixture *f,
                                                                gconstpointer unused)
{
    add(f, "10.0.0.1", 0);
    add(f, "10.0.0.2", 0);
    for (int i = 0; i < 2; i++) {
        g_assert_true(health_step(f->store, 100 * SECOND, &f->change));
        g_assert_cmpint(f->change.kind, ==, STORE_UNHEALTHY);
    }
    g_assert_false(health_step(f->store, 100 * SECOND, &f->change));
    g_assert_true(health_step(f->store, 100 * SECOND + 1, &f->change));
    g_assert_cmpint(f->change.kind, ==, STORE_EXPIRED);
}

static void test_stand_still_gives_a_full_time_out(struct fixture *f, gconstpointer unused)
{
    struct store_instance *instance = add(f, "10.0.0.1", 0);
    health_resume(f->store, 120 * SECOND);
    g_assert_false(health_step(f->store, 120 * SECOND, &f->change));
    g_assert_false(health_step(f->store, 135 * SECOND - MS, &f->change));
    g_assert_true(instance->healthy);
    g_assert_true(health_step(f->store, 135 * SECOND, &f->change));
}

#define CROWD 40

static guint run(struct fixture *f, gint64 now, enum store_change_kind kind)
{
    guint count = 0;
    while (health_step(f->store, now, &f->change))
        count += f->change.kind == kind;
    return count;
}

static void add_crowd(struct fixture *f, struct store_instance *crowd[])
{
    for (int i = 0; i < CROWD; i++) {
        g_autofree char *ip = g_strdup_printf("10.0.1.%d", i);
        crowd[i] = add(f, ip, 0);
    }
}

static void test_crowd_is_kept_until_it_beats_again(struct fixture *f, gconstpointer unused)
{
    struct store_instance *crowd[CROWD];
    add_crowd(f, crowd);
    g_assert_cmpuint(run(f, 15 * SECOND, STORE_UNHEALTHY), ==, CROWD);
    g_assert_cmpuint(f->store->missing_count, ==, CROWD);
    g_assert_true(f->store->brake.on);
    for (gint64 now = 16 * SECOND; now < 100 * SECOND; now += SECOND)
        g_assert_cmpuint(run(f, now, STORE_EXPIRED), ==, 0);
    for (int i = 0; i < CROWD / 2; i++)
        health_beat(f->store, crowd[i], 100 * SECOND, &f->change);
    g_assert_cmpuint(f->store->missing_count, ==, CROWD / 2);
    g_assert_cmpuint(run(f, 101 * SECOND, STORE_EXPIRED), ==, 0);
    g_assert_false(f->store->brake.on);
    for (int i = 0; i < CROWD / 2; i++)
        health_beat(f->store, crowd[i], 110 * SECOND, &f->change);
    g_assert_cmpuint(run(f, 116 * SECOND - 1, STORE_EXPIRED), ==, 0);
    /* They were put off by 5 s at a time meanwhile. */
    g_assert_cmpuint(run(f, 121 * SECOND, STORE_EXPIRED), ==, CROWD / 2);
    g_assert_cmpuint(f->store->missing_count, ==, 0);
    g_assert_cmpuint(f->store->instance_count, ==, CROWD / 2);
}

static void test_crowd_goes_without_the_brake(struct fixture *f, gconstpointer unused)
{
    struct store_instance *crowd[CROWD];
    f->store->brake.disabled = TRUE;
    add_crowd(f, crowd);
    g_assert_cmpuint(run(f, 15 * SECOND, STORE_UNHEALTHY), ==, CROWD);
    g_assert_cmpuint(run(f, 30 * SECOND, STORE_EXPIRED), ==, CROWD);
    g_assert_cmpuint(f->store->missing_count, ==, 0);
}

static void test_persistent_ones_do_not_live_by_beats(struct fixture *f, gconstpointer unused)
{
    struct store_record record = {
        .id = {.namespace_id = "public",
               .service = "G@@s",
               .ip = "127.0.0.1",
               .port = 80,
               .persistent = TRUE},
        .metadata = &f->metadata,
        .weight = 1,
        .healthy = TRUE,
        .enabled = TRUE,
    };
    g_assert_true(store_register(f->store, &record, 0, &f->change, NULL));
    g_assert_false(health_step(f->store, 1000 * SECOND, &f->change));
    g_assert_cmpint(health_next(f->store), ==, TIMELINE_NEVER);
}

static void test_missing_service_goes_with_its_count(struct fixture *f, gconstpointer unused)
{
    struct store_service *service = add(f, "10.0.0.1", 0)->service;
    run(f, 15 * SECOND, STORE_UNHEALTHY);
    g_assert_cmpuint(f->store->missing_count, ==, 1);
    g_assert_true(store_remove_service(f->store, service, NULL));
    g_assert_cmpuint(f->store->missing_count, ==, 0);
}

static void test_empty_service_goes(struct fixture *f, gconstpointer unused)
{
    store_deregister(f->store, add(f, "10.0.0.1", 0), 10 * SECOND, &f->change, NULL);
    g_assert_cmpint(health_next(f->store), ==, 70 * SECOND);
    health_remove_empty(f->store, 70 * SECOND - MS);
    g_assert_cmpuint(f->store->service_count, ==, 1);
    health_remove_empty(f->store, 70 * SECOND);
    g_assert_cmpuint(f->store->service_count, ==, 0);
}

static void test_refilled_service_stays(struct fixture *f, gconstpointer unused)
{
    store_deregister(f->store, add(f, "10.0.0.1", 0), 0, &f->change, NULL);
    add(f, "10.0.0.1", 50 * SECOND);
    health_remove_empty(f->store, 61 * SECOND);
    g_assert_cmpuint(f->store->service_count, ==, 1);
}

static void test_created_service_stays(struct fixture *f, gconstpointer unused)
{
    struct store_service_record record = {"public", "G@@s", &f->metadata, 0};
    g_assert_true(store_create_service(f->store, &record, NULL));
    store_deregister(f->store, add(f, "10.0.0.1", 0), 0, &f->change, NULL);
    health_remove_empty(f->store, 1000 * SECOND);
    g_assert_cmpuint(f->store->service_count, ==, 1);
}

#define ADD(name, metadata, function)                                                              \
    g_test_add("/registry/health/" name, struct fixture, metadata, set_up, function, tear_down)

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    ADD("times", NULL, test_times);
    ADD("own-times", "preserved.heart.beat.timeout=300,preserved.ip.delete.timeout=600",
        test_own_times);
    ADD("beats", NULL, test_beats_keep_it_healthy);
    ADD("beat-heals", NULL, test_beat_heals);
    ADD("shorter-times", NULL, test_shorter_times_count_at_once);
    ADD("silent-ones", NULL, test_only_the_silent_ones_go);
    ADD("crowd", NULL, test_crowd_is_kept_until_it_beats_again);
    ADD("no-brake", NULL, test_crowd_goes_without_the_brake);
    ADD("persistent", NULL, test_persistent_ones_do_not_live_by_beats);
    ADD("missing-service", NULL, test_missing_service_goes_with_its_count);
    ADD("late-step", NULL, test_late_step_makes_unhealthy_before_anything_goes);
    ADD("stand-still", NULL, test_stand_still_gives_a_full_time_out);
    ADD("empty-service", NULL, test_empty_service_goes);
    ADD("refilled-service", NULL, test_refilled_service_stays);
    ADD("created-service", NULL, test_created_service_stays);
    return g_test_run();
}
