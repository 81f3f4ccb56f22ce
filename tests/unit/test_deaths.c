/* SPDX-License-Identifier: MIT */
#include "fs/deaths.h"

#define S G_TIME_SPAN_SECOND

static void handling(struct state_shared *shared, guint64 unique)
{
    shared->current = (struct state_strike){.unique = unique, .node = 7, .opcode = 15};
}

static void six_in_a_minute_are_too_many(void)
{
    struct deaths deaths = {0};
    struct state_shared shared = {.ready = 1};
    for (int i = 0; i < 5; i++)
        g_assert_cmpint(deaths_note(&deaths, &shared, TRUE, (i + 1) * S), >=, 0);
    g_assert_cmpint(deaths_note(&deaths, &shared, TRUE, 6 * S), ==, -1);
}

static void one_in_eleven_seconds_can_go_on(void)
{
    struct deaths deaths = {0};
    struct state_shared shared = {.ready = 1};
    for (int i = 0; i < 100; i++)
        g_assert_cmpint(deaths_note(&deaths, &shared, TRUE, (i + 1) * 13 * S), >=, 0);
}

static void killed_from_outside_can_go_on(void)
{
    struct deaths deaths = {0};
    struct state_shared shared = {.ready = 1};
    for (int i = 0; i < 1000; i++)
        g_assert_cmpint(deaths_note(&deaths, &shared, FALSE, (i + 1) * S / 10), ==, 0);
}

static void killed_before_it_is_ready_waits(void)
{
    struct deaths deaths = {0};
    struct state_shared shared = {0};
    int delay = 0;
    for (int i = 0; i < 100; i++) {
        delay = deaths_note(&deaths, &shared, FALSE, (i + 1) * S);
        if (i < 9)
            g_assert_cmpint(delay, ==, 0);
    }
    g_assert_cmpint(delay, ==, 800);
    shared.ready = 1;
    g_assert_cmpint(deaths_note(&deaths, &shared, FALSE, 101 * S), ==, 0);
}

static void delay_grows(void)
{
    struct deaths deaths = {0};
    struct state_shared shared = {.ready = 1};
    g_assert_cmpint(deaths_note(&deaths, &shared, TRUE, 1 * S), ==, 0);
    g_assert_cmpint(deaths_note(&deaths, &shared, TRUE, 2 * S), ==, 0);
    g_assert_cmpint(deaths_note(&deaths, &shared, TRUE, 3 * S), ==, 50);
    g_assert_cmpint(deaths_note(&deaths, &shared, TRUE, 4 * S), ==, 200);
    g_assert_cmpint(deaths_note(&deaths, &shared, TRUE, 5 * S), ==, 800);
}

static void request_is_poisoned_at_its_third_death(void)
{
    struct deaths deaths = {0};
    struct state_shared shared = {.ready = 1};
    struct state_strike request = {.unique = 99, .node = 7, .opcode = 15};
    for (int i = 0; i < 3; i++) {
        g_assert_false(deaths_poisoned(&shared, &request, i * S));
        handling(&shared, 99);
        g_assert_cmpint(deaths_note(&deaths, &shared, TRUE, i * S), ==, 0);
        g_assert_cmpuint(shared.current.unique, ==, 0);
    }
    g_assert_true(deaths_poisoned(&shared, &request, 3 * S));
    g_assert_true(deaths_poisoned(&shared, &request, 3000 * S));
}

static void its_repetition_is_not_tried_for_a_minute(void)
{
    struct deaths deaths = {0};
    struct state_shared shared = {.ready = 1};
    struct state_strike again = {.unique = 100, .node = 7, .opcode = 15};
    struct state_strike other = {.unique = 101, .node = 8, .opcode = 15};
    for (int i = 0; i < 3; i++) {
        handling(&shared, 99);
        deaths_note(&deaths, &shared, TRUE, S);
    }
    g_assert_true(deaths_poisoned(&shared, &again, 2 * S));
    g_assert_false(deaths_poisoned(&shared, &other, 2 * S));
    g_assert_false(deaths_poisoned(&shared, &again, 62 * S));
}

static void deaths_of_requests_do_not_end_the_mount(void)
{
    struct deaths deaths = {0};
    struct state_shared shared = {.ready = 1};
    for (guint64 i = 0; i < 100; i++) {
        handling(&shared, 1 + i / 3);
        g_assert_cmpint(deaths_note(&deaths, &shared, TRUE, (gint64)i * S), ==, 0);
    }
}

static void deaths_of_a_poisoned_request_count(void)
{
    struct deaths deaths = {0};
    struct state_shared shared = {.ready = 1};
    int delay = 0;
    for (int i = 0; i < 9; i++) {
        handling(&shared, 99);
        delay = deaths_note(&deaths, &shared, TRUE, i * S / 10);
    }
    g_assert_cmpint(delay, ==, -1);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/deaths/six", six_in_a_minute_are_too_many);
    g_test_add_func("/deaths/seldom", one_in_eleven_seconds_can_go_on);
    g_test_add_func("/deaths/killed", killed_from_outside_can_go_on);
    g_test_add_func("/deaths/killed-at-start", killed_before_it_is_ready_waits);
    g_test_add_func("/deaths/delay", delay_grows);
    g_test_add_func("/deaths/poison", request_is_poisoned_at_its_third_death);
    g_test_add_func("/deaths/repetition", its_repetition_is_not_tried_for_a_minute);
    g_test_add_func("/deaths/requests", deaths_of_requests_do_not_end_the_mount);
    g_test_add_func("/deaths/poisoned", deaths_of_a_poisoned_request_count);
    return g_test_run();
}
