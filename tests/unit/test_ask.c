/* SPDX-License-Identifier: MIT */
#include "fs/ask.h"

#include <errno.h>

/* The question of these tests goes to nobody. */
void naming_call_cancel(struct naming_call *call)
{
    g_assert_not_reached();
}

static void note(gpointer user_data, int error)
{
    *(int *)user_data = error;
}

static void all_who_wait_are_told(void)
{
    struct asks asks;
    int told[2] = {-1, -1};
    asks_init(&asks);
    struct ask *ask = asks_begin(&asks, "G", NULL);
    waiters_add(&ask->waiters, note, &told[0]);
    waiters_add(&asks_pending(&asks, "G")->waiters, note, &told[1]);
    ask_end(ask, ETIMEDOUT);
    g_assert_cmpint(told[0], ==, ETIMEDOUT);
    g_assert_cmpint(told[1], ==, ETIMEDOUT);
    g_assert_null(asks_pending(&asks, "G"));
    asks_clear(&asks);
}

static void a_no_is_remembered(void)
{
    struct asks asks;
    asks_init(&asks);
    ask_end(asks_begin(&asks, "G", NULL), ENOENT);
    g_assert_true(asks_is_absent(&asks, "G"));
    g_assert_false(asks_is_absent(&asks, "H"));
    asks_clear(&asks);
}

static void a_yes_and_a_failure_are_not(void)
{
    struct asks asks;
    asks_init(&asks);
    ask_end(asks_begin(&asks, "G", NULL), 0);
    ask_end(asks_begin(&asks, "H", NULL), EHOSTUNREACH);
    g_assert_false(asks_is_absent(&asks, "G"));
    g_assert_false(asks_is_absent(&asks, "H"));
    asks_clear(&asks);
}

static void a_no_ends_after_a_second(void)
{
    struct asks asks;
    asks_init(&asks);
    ask_end(asks_begin(&asks, "G", NULL), ENOENT);
    gint64 *since = g_hash_table_lookup(asks.absent, "G");
    *since -= ASK_ABSENT_FOR;
    g_assert_false(asks_is_absent(&asks, "G"));
    asks_clear(&asks);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ask/all_who_wait_are_told", all_who_wait_are_told);
    g_test_add_func("/ask/a_no_is_remembered", a_no_is_remembered);
    g_test_add_func("/ask/a_yes_and_a_failure_are_not", a_yes_and_a_failure_are_not);
    g_test_add_func("/ask/a_no_ends_after_a_second", a_no_ends_after_a_second);
    return g_test_run();
}
