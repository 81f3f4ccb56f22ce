/* SPDX-License-Identifier: MIT */
#include "naming/call_metrics.h"

static void test_counts(void)
{
    struct naming_call_metrics rows[4];
    struct call_metrics *metrics = call_metrics_new();
    g_assert_cmpuint(call_metrics_rows(metrics, rows, 4), ==, 0);
    call_metrics_asked(metrics, "a:1", NAMING_CALL_LIST);
    call_metrics_ended(metrics, "a:1", NAMING_CALL_LIST, FALSE, 4000);
    call_metrics_asked(metrics, "b:1", NAMING_CALL_BEAT);
    call_metrics_ended(metrics, "b:1", NAMING_CALL_BEAT, TRUE, -1);
    call_metrics_asked(metrics, "a:1", NAMING_CALL_LIST);
    call_metrics_ended(metrics, "a:1", NAMING_CALL_LIST, TRUE, 5000000);
    g_assert_cmpuint(call_metrics_rows(metrics, rows, 1), ==, 2);
    g_assert_cmpuint(call_metrics_rows(metrics, rows, 4), ==, 2);
    g_assert_cmpstr(rows[0].server, ==, "a:1");
    g_assert_cmpstr(rows[0].call, ==, "list");
    g_assert_cmpuint(rows[0].requests, ==, 2);
    g_assert_cmpuint(rows[0].answers, ==, 2);
    g_assert_cmpuint(rows[0].failures, ==, 1);
    g_assert_cmpuint(rows[0].latency[0], ==, 0); /* 1 ms */
    g_assert_cmpuint(rows[0].latency[1], ==, 1); /* 5 ms */
    g_assert_cmpuint(rows[0].latency[NAMING_LATENCY_BUCKETS - 1], ==, 1);
    g_assert_cmpfloat_with_epsilon(rows[0].latency_sum, 5.004, 1e-9);
    g_assert_cmpstr(rows[1].call, ==, "beat");
    g_assert_cmpuint(rows[1].answers, ==, 0);
    g_assert_cmpuint(rows[1].failures, ==, 1);
    call_metrics_free(metrics);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/call_metrics/counts", test_counts);
    return g_test_run();
}
