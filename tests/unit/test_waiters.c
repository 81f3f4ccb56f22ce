/* SPDX-License-Identifier: MIT */
#include "fs/waiters.h"

#include <errno.h>

struct told {
    int times, error;
    struct waiters *again; /* waits anew from its callback */
    struct waiter *cancel; /* cancels that one from its callback */
};

static void tell(gpointer user_data, int error)
{
    struct told *told = user_data;
    told->times++;
    told->error = error;
    if (told->again)
        waiters_add(told->again, tell, told);
    if (told->cancel)
        waiter_cancel(told->cancel);
}

static void each_is_told_once(void)
{
    struct waiters waiters = {0};
    struct told told[3] = {0};
    for (int i = 0; i < 3; i++)
        waiters_add(&waiters, tell, &told[i]);
    waiters_wake(&waiters, ETIMEDOUT);
    waiters_wake(&waiters, 0);
    for (int i = 0; i < 3; i++) {
        g_assert_cmpint(told[i].times, ==, 1);
        g_assert_cmpint(told[i].error, ==, ETIMEDOUT);
    }
    g_assert_false(waiters_any(&waiters));
}

static void cancelled_is_not_told(void)
{
    struct waiters waiters = {0};
    struct told told = {0};
    waiter_cancel(waiters_add(&waiters, tell, &told));
    waiters_wake(&waiters, 0);
    g_assert_cmpint(told.times, ==, 0);
}

static void who_waits_anew_waits_on(void)
{
    struct waiters waiters = {0};
    struct told told = {.again = &waiters};
    waiters_add(&waiters, tell, &told);
    waiters_wake(&waiters, 0);
    g_assert_cmpint(told.times, ==, 1);
    g_assert_true(waiters_any(&waiters));
    waiters_clear(&waiters);
}

static void another_can_be_cancelled_meanwhile(void)
{
    struct waiters waiters = {0};
    struct told first = {0}, second = {0}, third = {0};
    waiters_add(&waiters, tell, &first);
    first.cancel = waiters_add(&waiters, tell, &second);
    waiters_add(&waiters, tell, &third);
    waiters_wake(&waiters, 0);
    g_assert_cmpint(first.times, ==, 1);
    g_assert_cmpint(second.times, ==, 0);
    g_assert_cmpint(third.times, ==, 1);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/waiters/each_is_told_once", each_is_told_once);
    g_test_add_func("/waiters/cancelled_is_not_told", cancelled_is_not_told);
    g_test_add_func("/waiters/who_waits_anew_waits_on", who_waits_anew_waits_on);
    g_test_add_func("/waiters/another_can_be_cancelled_meanwhile",
                    another_can_be_cancelled_meanwhile);
    return g_test_run();
}
