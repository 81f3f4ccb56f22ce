/* SPDX-License-Identifier: MIT */
#include "naming/instances_diff.h"

static struct service_info *make(const char *ips, double weight)
{
    g_autoptr(service_key) key = service_key_new("G", "s");
    g_auto(GStrv) part = g_strsplit(ips, " ", -1);
    guint n = g_strv_length(part);
    g_autofree struct instance *hosts = g_new0(struct instance, n + 1);
    for (guint i = 0; i < n; i++) {
        instance_init(&hosts[i]);
        hosts[i].ip = g_strdup(part[i]);
        hosts[i].port = 80;
        hosts[i].weight = weight;
    }
    return service_info_new(key, "", hosts, n);
}

static char *ips_of(GPtrArray *hosts)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < hosts->len; i++) {
        const struct instance *host = hosts->pdata[i];
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", host->ip);
    }
    return g_string_free(text, FALSE);
}

static void check(const struct service_info *old, const struct service_info *new, const char *added,
                  const char *removed, const char *modified)
{
    g_auto(instances_diff) diff;
    instances_diff_init(&diff, old, new);
    g_autofree char *a = ips_of(diff.added), *r = ips_of(diff.removed), *m = ips_of(diff.modified);
    g_assert_cmpstr(a, ==, added);
    g_assert_cmpstr(r, ==, removed);
    g_assert_cmpstr(m, ==, modified);
    gboolean empty = *added == '\0' && *removed == '\0' && *modified == '\0';
    g_assert_cmpint(instances_diff_is_empty(&diff), ==, empty);
}

static void test_equal_lists(void)
{
    g_autoptr(service_info) a = make("10.0.0.1 10.0.0.2", 1);
    g_autoptr(service_info) b = make("10.0.0.2 10.0.0.1", 1);
    check(a, b, "", "", "");
}

static void test_reply_time_is_no_change(void)
{
    g_autoptr(service_info) a = make("10.0.0.1", 1);
    g_autoptr(service_info) b = make("10.0.0.1", 1);
    b->last_ref_time = 5;
    b->cache_millis = 7;
    check(a, b, "", "", "");
}

static void test_first_list(void)
{
    g_autoptr(service_info) a = make("10.0.0.1 10.0.0.2", 1);
    check(NULL, a, "10.0.0.1 10.0.0.2", "", "");
}

static void test_all_gone(void)
{
    g_autoptr(service_info) a = make("10.0.0.1 10.0.0.2", 1);
    g_autoptr(service_info) b = make("", 1);
    check(a, b, "", "10.0.0.1 10.0.0.2", "");
}

static void test_mixed(void)
{
    g_autoptr(service_info) a = make("10.0.0.1 10.0.0.2 10.0.0.4", 1);
    g_autoptr(service_info) b = make("10.0.0.0 10.0.0.2 10.0.0.3", 2);
    check(a, b, "10.0.0.0 10.0.0.3", "10.0.0.1 10.0.0.4", "10.0.0.2");
}

static void test_borrows_from_the_right_side(void)
{
    g_autoptr(service_info) a = make("10.0.0.1 10.0.0.2", 1);
    g_autoptr(service_info) b = make("10.0.0.2 10.0.0.3", 2);
    g_auto(instances_diff) diff;
    instances_diff_init(&diff, a, b);
    g_assert_true(diff.added->pdata[0] == &b->hosts[1]);
    g_assert_true(diff.removed->pdata[0] == &a->hosts[0]);
    g_assert_true(diff.modified->pdata[0] == &b->hosts[0]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/instances_diff/equal", test_equal_lists);
    g_test_add_func("/instances_diff/reply-time", test_reply_time_is_no_change);
    g_test_add_func("/instances_diff/first", test_first_list);
    g_test_add_func("/instances_diff/all-gone", test_all_gone);
    g_test_add_func("/instances_diff/mixed", test_mixed);
    g_test_add_func("/instances_diff/borrows", test_borrows_from_the_right_side);
    return g_test_run();
}
