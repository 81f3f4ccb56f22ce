/* SPDX-License-Identifier: MIT */
#include "naming/registry/brake.h"

#define SECOND G_USEC_PER_SEC

/* `count` instances miss their beats, one every `apart` us, of `total`. */
static gint64 miss(struct brake *brake, guint count, guint total, gint64 start, gint64 apart)
{
    gint64 now = start;
    for (guint i = 1; i <= count; i++, now += apart) {
        brake_miss(brake, now);
        brake_update(brake, i, total, now);
    }
    return now;
}

static void test_most_at_once(void)
{
    struct brake brake = {0};
    miss(&brake, 20, 39, 100 * SECOND, SECOND / 10);
    g_assert_true(brake.on);
    g_assert_cmpuint(brake.times, ==, 1);
}

static void test_half_is_not_most(void)
{
    struct brake brake = {0};
    miss(&brake, 20, 40, 100 * SECOND, SECOND / 10);
    g_assert_false(brake.on);
}

static void test_few(void)
{
    struct brake brake = {0};
    miss(&brake, 19, 19, 100 * SECOND, 0);
    g_assert_false(brake.on);
}

static void test_slowly(void)
{
    struct brake brake = {0};
    miss(&brake, 100, 100, 100 * SECOND, SECOND / 2);
    g_assert_false(brake.on);
}

static void test_what_is_long_ago_does_not_count(void)
{
    for (gint64 later = BRAKE_SWEEP_S; later < 4 * BRAKE_SWEEP_S; later++) {
        struct brake brake = {0};
        gint64 now = (100 + later) * SECOND;
        miss(&brake, 15, 30, 100 * SECOND, 0);
        miss(&brake, 15, 30, now, 0);
        brake_update(&brake, 30, 30, now);
        g_assert_false(brake.on);
    }
}

/* A partition shows over one beat interval, which may begin anywhere. */
static void test_spread_over_a_sweep(void)
{
    for (gint64 offset = 0; offset < SECOND; offset += SECOND / 10) {
        struct brake brake = {0};
        miss(&brake, 100, 100, 100 * SECOND + offset, 5 * SECOND / 100);
        g_assert_true(brake.on);
    }
}

static void test_disabled(void)
{
    struct brake brake = {.disabled = TRUE};
    gint64 now = miss(&brake, 100, 100, 100 * SECOND, 0);
    g_assert_false(brake_holds(&brake, now));
}

static void test_release(void)
{
    struct brake brake = {0};
    gint64 now = miss(&brake, 30, 40, 100 * SECOND, 0);
    brake_update(&brake, 21, 40, now + 60 * SECOND);
    g_assert_true(brake_holds(&brake, now + 60 * SECOND));
    brake_update(&brake, 20, 40, now + 61 * SECOND);
    g_assert_false(brake.on);
    g_assert_true(brake_holds(&brake, now + 61 * SECOND));
    g_assert_false(brake_holds(&brake, now + 61 * SECOND + BRAKE_GRACE));
}

static void test_not_for_ever(void)
{
    struct brake brake = {0};
    gint64 now = miss(&brake, 30, 40, 100 * SECOND, 0);
    brake_update(&brake, 30, 40, now + BRAKE_LONGEST - 1);
    g_assert_true(brake.on);
    brake_update(&brake, 30, 40, now + BRAKE_LONGEST);
    g_assert_false(brake.on);
    g_assert_false(brake_holds(&brake, now + BRAKE_LONGEST + BRAKE_GRACE));
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/registry/brake/most-at-once", test_most_at_once);
    g_test_add_func("/registry/brake/half", test_half_is_not_most);
    g_test_add_func("/registry/brake/few", test_few);
    g_test_add_func("/registry/brake/slowly", test_slowly);
    g_test_add_func("/registry/brake/long-ago", test_what_is_long_ago_does_not_count);
    g_test_add_func("/registry/brake/spread", test_spread_over_a_sweep);
    g_test_add_func("/registry/brake/disabled", test_disabled);
    g_test_add_func("/registry/brake/release", test_release);
    g_test_add_func("/registry/brake/not-for-ever", test_not_for_ever);
    return g_test_run();
}
