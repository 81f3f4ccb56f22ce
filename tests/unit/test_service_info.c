/* SPDX-License-Identifier: MIT */
#include "naming/service_info.h"

#include <string.h>

/* `hosts`: "IP PORT CLUSTER WEIGHT" each. */
static struct service_info *make(const char *const *hosts)
{
    g_autoptr(service_key) key = service_key_new("G", "s");
    guint n = g_strv_length((char **)hosts);
    g_autofree struct instance *array = g_new0(struct instance, n + 1);
    for (guint i = 0; i < n; i++) {
        g_auto(GStrv) part = g_strsplit(hosts[i], " ", -1);
        instance_init(&array[i]);
        array[i].ip = g_strdup(part[0]);
        array[i].port = (guint16)g_ascii_strtoull(part[1], NULL, 10);
        g_free(array[i].cluster_name);
        array[i].cluster_name = g_strdup(part[2]);
        array[i].weight = g_ascii_strtod(part[3], NULL);
    }
    struct service_info *info = service_info_new(key, "", array, n);
    for (guint i = 0; i < n; i++)
        g_assert_null(array[i].ip);
    return info;
}

static void test_key(void)
{
    g_autoptr(service_key) a = service_key_new("G", "s");
    g_autoptr(service_key) b = service_key_dup(a);
    g_autoptr(service_key) c = service_key_new("s", "G");
    g_assert_true(service_key_equal(a, b));
    g_assert_cmpuint(service_key_hash(a), ==, service_key_hash(b));
    g_assert_false(service_key_equal(a, c));
    g_autofree char *grouped = service_key_grouped(a);
    g_assert_cmpstr(grouped, ==, "G@@s");
}

static void test_hosts_are_sorted(void)
{
    const char *hosts[] = {"10.0.0.9 1 a 1", "10.0.0.10 1 a 1", "10.0.0.1 1 a 1", NULL};
    g_autoptr(service_info) info = make(hosts);
    g_assert_cmpuint(info->n_hosts, ==, 3);
    g_assert_cmpstr(info->hosts[0].ip, ==, "10.0.0.1");
    g_assert_cmpstr(info->hosts[1].ip, ==, "10.0.0.9");
    g_assert_cmpstr(info->hosts[2].ip, ==, "10.0.0.10");
}

static void test_later_duplicates_go(void)
{
    const char *hosts[] = {"10.0.0.1 1 a 1", "10.0.0.0 1 a 1", "10.0.0.1 1 a 2",
                           "10.0.0.1 1 b 3", "10.0.0.1 1 a 4", NULL};
    g_autoptr(service_info) info = make(hosts);
    g_assert_cmpuint(info->n_hosts, ==, 3);
    g_assert_cmpfloat(info->hosts[1].weight, ==, 1);
    g_assert_cmpfloat(info->hosts[2].weight, ==, 3);
}

static void test_empty(void)
{
    const char *hosts[] = {NULL};
    g_autoptr(service_info) info = make(hosts);
    g_auto(instance) like = {0};
    instance_init(&like);
    g_assert_cmpuint(info->n_hosts, ==, 0);
    g_assert_null(service_info_find(info, &like));
    g_assert_null(service_info_pick(info, 0.5));
}

static void test_references(void)
{
    const char *hosts[] = {"10.0.0.1 1 a 1", NULL};
    struct service_info *info = make(hosts);
    g_assert_true(service_info_ref(info) == info);
    service_info_unref(info);
    g_assert_cmpstr(info->hosts[0].ip, ==, "10.0.0.1");
    service_info_unref(info);
    service_info_unref(NULL);
}

static void test_find(void)
{
    const char *hosts[] = {"10.0.0.1 1 a 1", "10.0.0.1 1 b 2", "10.0.0.2 1 a 3", NULL};
    g_autoptr(service_info) info = make(hosts);
    g_autoptr(instance) like = instance_dup(&info->hosts[1]);
    g_assert_true(service_info_find(info, like) == &info->hosts[1]);
    like->port = 2;
    g_assert_null(service_info_find(info, like));
}

static void test_pick_follows_weight(void)
{
    const char *hosts[] = {"10.0.0.1 1 a 1", "10.0.0.2 1 a 0", "10.0.0.3 1 a 3", NULL};
    g_autoptr(service_info) info = make(hosts);
    g_assert_cmpstr(service_info_pick(info, 0.0)->ip, ==, "10.0.0.1");
    g_assert_cmpstr(service_info_pick(info, 0.2499)->ip, ==, "10.0.0.1");
    g_assert_cmpstr(service_info_pick(info, 0.25)->ip, ==, "10.0.0.3");
    g_assert_cmpstr(service_info_pick(info, 0.9999999)->ip, ==, "10.0.0.3");
}

static void test_pick_skips_what_takes_no_calls(void)
{
    const char *hosts[] = {"10.0.0.1 1 a 1", "10.0.0.2 1 a 1", "10.0.0.3 1 a 0", NULL};
    g_autoptr(service_info) info = make(hosts);
    info->hosts[0].healthy = FALSE;
    g_assert_cmpstr(service_info_pick(info, 0.0)->ip, ==, "10.0.0.2");
    info->hosts[1].enabled = FALSE;
    g_assert_null(service_info_pick(info, 0.0));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/service_info/key", test_key);
    g_test_add_func("/service_info/sorted", test_hosts_are_sorted);
    g_test_add_func("/service_info/duplicates", test_later_duplicates_go);
    g_test_add_func("/service_info/empty", test_empty);
    g_test_add_func("/service_info/references", test_references);
    g_test_add_func("/service_info/find", test_find);
    g_test_add_func("/service_info/pick-weight", test_pick_follows_weight);
    g_test_add_func("/service_info/pick-callable", test_pick_skips_what_takes_no_calls);
    return g_test_run();
}
