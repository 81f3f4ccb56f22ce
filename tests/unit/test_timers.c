/* SPDX-License-Identifier: MIT */
#include "naming/timers.h"
#include "naming/token_bucket.h"

#define SEC G_USEC_PER_SEC

struct tick {
    struct timer timer;
    GString *trace;
    char name;
    gint64 at;
    gint64 again; /* us; 0 = once */
};

static void on_tick(gpointer user_data)
{
    struct tick *tick = user_data;

    g_string_append_c(tick->trace, tick->name);
    tick->at = timers_now(tick->timer.timers);
    if (tick->again > 0)
        timer_set(&tick->timer, tick->again);
}

static void tick_init(struct tick *tick, struct timers *timers, GString *trace, char name)
{
    *tick = (struct tick){.trace = trace, .name = name};
    timer_init(&tick->timer, timers, on_tick, tick);
}

static void test_order(void)
{
    g_autoptr(GString) trace = g_string_new(NULL);
    struct timers *timers = timers_new_manual();
    gint64 start = timers_now(timers);
    struct tick a, b, c, d;

    tick_init(&a, timers, trace, 'a');
    tick_init(&b, timers, trace, 'b');
    tick_init(&c, timers, trace, 'c');
    tick_init(&d, timers, trace, 'd');
    timer_set(&a.timer, 3 * SEC);
    timer_set(&b.timer, 1 * SEC);
    timer_set(&c.timer, 1 * SEC);
    timer_set(&d.timer, 2 * SEC);
    timer_stop(&d.timer);
    timers_advance(timers, 1 * SEC - 1);
    g_assert_cmpstr(trace->str, ==, "");
    timers_advance(timers, 10 * SEC);
    g_assert_cmpstr(trace->str, ==, "bca");
    g_assert_cmpint(a.at - start, ==, 3 * SEC);
    g_assert_false(timer_is_set(&d.timer));
    timers_free(timers);
}

static void test_set_again_replaces(void)
{
    g_autoptr(GString) trace = g_string_new(NULL);
    struct timers *timers = timers_new_manual();
    struct tick a;

    tick_init(&a, timers, trace, 'a');
    timer_set(&a.timer, 1 * SEC);
    timer_set(&a.timer, 5 * SEC);
    timers_advance(timers, 4 * SEC);
    g_assert_cmpstr(trace->str, ==, "");
    a.again = 2 * SEC;
    timers_advance(timers, 5 * SEC);
    g_assert_cmpstr(trace->str, ==, "aaa");
    timer_stop(&a.timer);
    timers_free(timers);
}

static void test_runs_on_the_main_context(void)
{
    g_autoptr(GString) trace = g_string_new(NULL);
    struct timers *timers = timers_new();
    gint64 start = timers_now(timers);
    struct tick a, b;

    tick_init(&a, timers, trace, 'a');
    tick_init(&b, timers, trace, 'b');
    timer_set(&a.timer, 20000);
    timer_set(&b.timer, 0);
    g_assert_cmpstr(trace->str, ==, ""); /* never before it returned */
    while (trace->len < 2)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpstr(trace->str, ==, "ba");
    g_assert_cmpint(a.at - start, >=, 20000);
    timers_free(timers);
}

static void test_bucket(void)
{
    struct token_bucket bucket;
    guint taken = 0;

    token_bucket_init(&bucket, 50, 10, 0);
    for (gint64 now = 0; now <= 10 * SEC; now += 1000)
        taken += token_bucket_take(&bucket, 1, now);
    g_assert_cmpuint(taken, >=, 505);
    g_assert_cmpuint(taken, <=, 511);
}

static void test_bucket_debt(void)
{
    struct token_bucket bucket;

    token_bucket_init(&bucket, 100, 100, 0);
    g_assert_true(token_bucket_take(&bucket, 300, 0));
    g_assert_false(token_bucket_take(&bucket, 1, SEC));
    g_assert_cmpint(token_bucket_wait(&bucket, SEC), ==, SEC + 1);
    g_assert_true(token_bucket_take(&bucket, 1, 2 * SEC + 1));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/timers/order", test_order);
    g_test_add_func("/timers/set-again-replaces", test_set_again_replaces);
    g_test_add_func("/timers/runs-on-the-main-context", test_runs_on_the_main_context);
    g_test_add_func("/token_bucket/rate", test_bucket);
    g_test_add_func("/token_bucket/debt", test_bucket_debt);
    return g_test_run();
}
