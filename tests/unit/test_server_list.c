/* SPDX-License-Identifier: MIT */
#include "naming/server_list.h"

#include <string.h>

static const char *const three[] = {"http://10.0.0.1:8848/nacos", "http://10.0.0.2:8848/nacos",
                                    "https://[::1]:443/x", NULL};
static const char *const one[] = {"http://nacos:8848/nacos", NULL};

typedef struct server_list server_list;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(server_list, server_list_unref)

/* The order in which one call would ask all of them, as digits. */
static char *order_of(const struct server_list *list)
{
    guint n = server_list_count(list);
    g_autofree guint8 *tried = g_new0(guint8, n);
    GString *order = g_string_new(NULL);
    int index;
    while ((index = server_list_next(list, tried)) >= 0) {
        tried[index] = TRUE;
        g_string_append_printf(order, "%d", index);
    }
    return g_string_free(order, FALSE);
}

static void check_order(const struct server_list *list, const char *expected)
{
    g_autofree char *order = order_of(list);
    g_assert_cmpstr(order, ==, expected);
}

static void test_ring_from_the_first(void)
{
    g_autoptr(server_list) list = server_list_new(three, 1);
    check_order(list, "120");
    g_autoptr(server_list) wrapped = server_list_new(three, 3);
    check_order(wrapped, "012");
}

static void test_names(void)
{
    g_autoptr(server_list) list = server_list_new(three, 0);
    g_assert_cmpstr(server_list_url(list, 0), ==, "http://10.0.0.1:8848/nacos");
    g_assert_cmpstr(server_list_host_port(list, 0), ==, "10.0.0.1:8848");
    g_assert_cmpstr(server_list_host_port(list, 2), ==, "[::1]:443");
}

static void test_the_first_stays_while_it_answers(void)
{
    g_autoptr(server_list) list = server_list_new(three, 0);
    server_list_answered(list, 0, 1, 5);
    server_list_answered(list, 2, 2, 5);
    check_order(list, "012");
}

static void test_a_bad_server_is_asked_last(void)
{
    g_autoptr(server_list) list = server_list_new(three, 0);
    server_list_failed(list, 0, 1, "refused");
    check_order(list, "120");
    server_list_failed(list, 1, 2, "refused");
    check_order(list, "201");
}

static void test_all_bad_longest_failed_first(void)
{
    g_autoptr(server_list) list = server_list_new(three, 0);
    server_list_failed(list, 1, 10, "x");
    server_list_failed(list, 0, 20, "x");
    server_list_failed(list, 2, 30, "x");
    check_order(list, "102");
    server_list_failed(list, 1, 40, "x");
    check_order(list, "021");
}

static void test_an_answer_makes_it_good(void)
{
    g_autoptr(server_list) list = server_list_new(three, 0);
    server_list_failed(list, 0, 1, "x");
    server_list_answered(list, 0, 2, 5);
    check_order(list, "120"); /* good again, but the ring has turned */
}

static void test_first_answer_after_all_were_bad_leads(void)
{
    g_autoptr(server_list) list = server_list_new(three, 0);
    for (guint i = 0; i < 3; i++)
        server_list_failed(list, i, 1, "x");
    server_list_answered(list, 1, 2, 5);
    g_autofree char *order = order_of(list);
    g_assert_cmpint(order[0], ==, '1');
}

static void test_good_left(void)
{
    g_autoptr(server_list) list = server_list_new(three, 0);
    guint8 tried[3] = {0};
    g_assert_cmpuint(server_list_good_left(list, tried, 0), ==, 2);
    server_list_failed(list, 1, 1, "x");
    g_assert_cmpuint(server_list_good_left(list, tried, 0), ==, 1);
    tried[2] = TRUE;
    g_assert_cmpuint(server_list_good_left(list, tried, 0), ==, 0);
}

static void test_probe_backs_off(void)
{
    g_autoptr(server_list) list = server_list_new(three, 0);
    gint64 now = 1000, wait = SERVER_LIST_PROBE_FIRST;
    g_assert_cmpint(server_list_probe_due(list), ==, -1);
    for (guint i = 0; i < 6; i++) {
        server_list_failed(list, 1, now, "x");
        g_assert_cmpint(server_list_probe_due(list), ==, now + wait);
        g_assert_cmpint(server_list_take_probe(list, now + wait - 1), ==, -1);
        now += wait;
        g_assert_cmpint(server_list_take_probe(list, now), ==, 1);
        g_assert_cmpint(server_list_take_probe(list, now), ==, -1);
        wait = MIN(wait * 2, SERVER_LIST_PROBE_MAX);
    }
    server_list_answered(list, 1, now, 5);
    g_assert_cmpint(server_list_probe_due(list), ==, -1);
    server_list_failed(list, 1, now, "x");
    g_assert_cmpint(server_list_probe_due(list), ==, now + SERVER_LIST_PROBE_FIRST);
}

static void test_many_failures_are_one(void)
{
    g_autoptr(server_list) list = server_list_new(three, 0);
    for (gint64 now = 0; now < 100; now++)
        server_list_failed(list, 1, now, "x");
    g_assert_cmpint(server_list_probe_due(list), ==, SERVER_LIST_PROBE_FIRST);
}

static void test_the_only_server_is_not_probed(void)
{
    g_autoptr(server_list) list = server_list_new(one, 0);
    server_list_failed(list, 0, 1, "x");
    g_assert_cmpint(server_list_probe_due(list), ==, -1);
    g_assert_cmpint(server_list_take_probe(list, G_MAXINT64), ==, -1);
    check_order(list, "0");
}

static void test_addresses(void)
{
    g_autoptr(server_list) list = server_list_new(three, 0);
    g_assert_true(server_list_has_address(list, "10.0.0.1"));
    g_assert_true(server_list_has_address(list, "::ffff:10.0.0.2"));
    g_assert_true(server_list_has_address(list, "0:0::1"));
    g_assert_false(server_list_has_address(list, "10.0.0.3"));
    g_assert_false(server_list_has_address(list, "10.0.0.1 "));
    g_assert_false(server_list_has_address(list, ""));
    g_assert_cmpstr(server_list_address(list, 2), ==, "::1");
}

static void test_addresses_met_behind_a_name(void)
{
    g_autoptr(server_list) list = server_list_new(one, 0);
    g_assert_null(server_list_address(list, 0));
    server_list_met(list, 0, "");
    g_assert_null(server_list_address(list, 0));
    server_list_met(list, 0, "10.0.0.1");
    server_list_met(list, 0, "10.0.0.2");
    g_assert_cmpstr(server_list_address(list, 0), ==, "10.0.0.2");
    g_assert_true(server_list_has_address(list, "10.0.0.1"));
    server_list_met(list, 0, "10.0.0.1");
    g_assert_cmpstr(server_list_address(list, 0), ==, "10.0.0.1");
}

static void test_addresses_met_are_bounded(void)
{
    g_autoptr(server_list) list = server_list_new(one, 0);
    for (guint i = 0; i < 100; i++) {
        g_autofree char *address = g_strdup_printf("10.0.0.%u", i);
        server_list_met(list, 0, address);
    }
    g_assert_false(server_list_has_address(list, "10.0.0.1"));
    g_assert_true(server_list_has_address(list, "10.0.0.99"));
}

static void test_states(void)
{
    struct naming_server_state states[3];
    g_autoptr(server_list) list = server_list_new(three, 0);
    server_list_asked(list, 0);
    server_list_failed(list, 0, 7, "refused");
    server_list_asked(list, 1);
    server_list_answered(list, 1, 8, 250);
    g_assert_cmpuint(server_list_states(list, NULL, 0), ==, 3);
    g_assert_cmpuint(server_list_states(list, states, 3), ==, 3);
    g_assert_true(states[0].bad);
    g_assert_false(states[0].current);
    g_assert_cmpuint(states[0].requests, ==, 1);
    g_assert_cmpuint(states[0].failures, ==, 1);
    g_assert_cmpint(states[0].last_failure, ==, 7);
    g_assert_cmpint(states[0].latency_us, ==, -1);
    g_assert_cmpstr(states[0].last_error, ==, "refused");
    g_assert_true(states[1].current);
    g_assert_cmpint(states[1].last_ok, ==, 8);
    g_assert_cmpint(states[1].latency_us, ==, 250);
    g_assert_cmpstr(states[1].last_error, ==, "");
}

/* --- another list --- */

static void test_renewed_list_keeps_the_memory(void)
{
    static const char *const other[] = {"http://d:1/nacos", "http://10.0.0.3:8848/nacos",
                                        "http://10.0.0.2:8848/nacos", NULL};
    static const char *const same[] = {"http://10.0.0.1:8848/nacos", "http://10.0.0.2:8848/nacos",
                                       "http://10.0.0.3:8848/nacos", NULL};
    g_autoptr(server_list) list = server_list_new(same, 1);
    server_list_asked(list, 1);
    server_list_met(list, 1, "192.0.2.7");
    server_list_failed(list, 2, 5, "dead");
    g_assert_cmpint(server_list_take_probe(list, 5 + SERVER_LIST_PROBE_FIRST), ==, 2);
    g_autoptr(server_list) renewed = server_list_renew(list, other, 0);
    struct naming_server_state states[3];
    server_list_states(renewed, states, 3);
    g_assert_true(states[1].bad);
    g_assert_cmpstr(states[1].last_error, ==, "dead");
    g_assert_true(states[2].current); /* it was asked first, and still is */
    g_assert_cmpuint(states[2].requests, ==, 1);
    g_assert_true(server_list_has_address(renewed, "192.0.2.7"));
    g_assert_false(server_list_has_address(renewed, "10.0.0.1"));
    /* the probe under way is the old list's */
    g_assert_cmpint(server_list_probe_due(renewed), ==, 5 + SERVER_LIST_PROBE_FIRST);
    g_assert_true(server_list_is(renewed, other));
    g_assert_false(server_list_is(renewed, same));
    g_assert_true(server_list_is(list, same));
    g_assert_false(server_list_is(list, same + 1));
    g_assert_cmpint(server_list_find(renewed, "http://d:1/nacos"), ==, 0);
    g_assert_cmpint(server_list_find(renewed, "http://10.0.0.1:8848/nacos"), ==, -1);
}

static void test_all_bad_servers_are_due_when_told(void)
{
    static const char *const urls[] = {"http://a:1/n", "http://b:1/n", "http://c:1/n", NULL};
    g_autoptr(server_list) list = server_list_new(urls, 0);
    server_list_failed(list, 0, 1, "dead");
    server_list_failed(list, 2, 1, "dead");
    g_assert_cmpint(server_list_take_probe(list, 2), ==, -1);
    server_list_probe_all(list, 2);
    g_assert_cmpint(server_list_take_probe(list, 2), ==, 0);
    g_assert_cmpint(server_list_take_probe(list, 2), ==, 2);
    g_assert_cmpint(server_list_take_probe(list, 2), ==, -1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/server_list/ring", test_ring_from_the_first);
    g_test_add_func("/server_list/names", test_names);
    g_test_add_func("/server_list/first-stays", test_the_first_stays_while_it_answers);
    g_test_add_func("/server_list/bad-last", test_a_bad_server_is_asked_last);
    g_test_add_func("/server_list/all-bad", test_all_bad_longest_failed_first);
    g_test_add_func("/server_list/good-again", test_an_answer_makes_it_good);
    g_test_add_func("/server_list/first-answer-leads", test_first_answer_after_all_were_bad_leads);
    g_test_add_func("/server_list/good-left", test_good_left);
    g_test_add_func("/server_list/probe-back-off", test_probe_backs_off);
    g_test_add_func("/server_list/many-failures", test_many_failures_are_one);
    g_test_add_func("/server_list/only-server", test_the_only_server_is_not_probed);
    g_test_add_func("/server_list/addresses", test_addresses);
    g_test_add_func("/server_list/addresses-met", test_addresses_met_behind_a_name);
    g_test_add_func("/server_list/addresses-bounded", test_addresses_met_are_bounded);
    g_test_add_func("/server_list/states", test_states);
    g_test_add_func("/server_list/renewed", test_renewed_list_keeps_the_memory);
    g_test_add_func("/server_list/probe-all", test_all_bad_servers_are_due_when_told);
    return g_test_run();
}
