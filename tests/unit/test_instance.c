/* SPDX-License-Identifier: MIT */
#include "naming/instance.h"

#include <string.h>

static struct instance make(const char *ip, guint16 port, const char *cluster)
{
    struct instance instance;
    instance_init(&instance);
    instance.ip = g_strdup(ip);
    instance.port = port;
    g_free(instance.cluster_name);
    instance.cluster_name = g_strdup(cluster);
    return instance;
}

static void test_defaults(void)
{
    g_auto(instance) i;
    instance_init(&i);
    g_assert_null(i.ip);
    g_assert_cmpint(i.port, ==, 0);
    g_assert_cmpfloat(i.weight, ==, 1.0);
    g_assert_true(i.healthy && i.enabled && i.ephemeral);
    g_assert_cmpstr(i.cluster_name, ==, "DEFAULT");
    g_assert_null(i.metadata);
}

static void test_clear_leaves_zeroes(void)
{
    struct instance i = make("10.0.0.1", 80, "DEFAULT"), zero = {0};
    instance_set_metadata(&i, "k", "v");
    instance_clear(&i);
    instance_clear(&i);
    g_assert_cmpmem(&i, sizeof i, &zero, sizeof zero);
}

static void test_metadata_stays_sorted(void)
{
    g_auto(instance) i = make("10.0.0.1", 80, "DEFAULT");
    instance_set_metadata(&i, "m", "1");
    instance_set_metadata(&i, "z", "2");
    instance_set_metadata(&i, "a", "3");
    instance_set_metadata(&i, "n", "4");
    g_autofree char *all = g_strjoinv(" ", i.metadata);
    g_assert_cmpstr(all, ==, "a 3 m 1 n 4 z 2");
}

static void test_metadata_replaces(void)
{
    g_auto(instance) i = make("10.0.0.1", 80, "DEFAULT");
    instance_set_metadata(&i, "k", "old");
    instance_set_metadata(&i, "k", instance_get_metadata(&i, "k"));
    g_assert_cmpstr(instance_get_metadata(&i, "k"), ==, "old");
    instance_set_metadata(&i, "k", "new");
    g_assert_cmpstr(instance_get_metadata(&i, "k"), ==, "new");
    g_assert_cmpuint(g_strv_length(i.metadata), ==, 2);
}

static void test_metadata_removes(void)
{
    g_auto(instance) i = make("10.0.0.1", 80, "DEFAULT");
    instance_set_metadata(&i, "a", "1");
    instance_set_metadata(&i, "b", "2");
    instance_set_metadata(&i, "absent", NULL);
    instance_set_metadata(&i, "a", NULL);
    g_assert_null(instance_get_metadata(&i, "a"));
    g_assert_cmpstr(instance_get_metadata(&i, "b"), ==, "2");
    instance_set_metadata(&i, "b", NULL);
    g_assert_null(i.metadata);
}

static void test_copy_is_deep(void)
{
    g_auto(instance) i = make("10.0.0.1", 80, "c");
    instance_set_metadata(&i, "k", "v");
    g_autoptr(instance) copy = instance_dup(&i);
    g_assert_true(instance_equal(&i, copy));
    g_assert_true(copy->ip != i.ip && copy->metadata != i.metadata);
    instance_set_metadata(copy, "k", "w");
    g_assert_cmpstr(instance_get_metadata(&i, "k"), ==, "v");
}

static void test_every_member_counts_for_equality(void)
{
    g_auto(instance) a = make("10.0.0.1", 80, "c");
    g_auto(instance) b = make("10.0.0.1", 80, "c");
    g_assert_true(instance_equal(&a, &b));
    b.weight = 2;
    g_assert_false(instance_equal(&a, &b));
    b.weight = 1;
    b.healthy = FALSE;
    g_assert_false(instance_equal(&a, &b));
    b.healthy = TRUE;
    b.enabled = FALSE;
    g_assert_false(instance_equal(&a, &b));
    b.enabled = TRUE;
    b.ephemeral = FALSE;
    g_assert_false(instance_equal(&a, &b));
    b.ephemeral = TRUE;
    instance_set_metadata(&b, "k", "v");
    g_assert_false(instance_equal(&a, &b));
    instance_set_metadata(&a, "k", "w");
    g_assert_false(instance_equal(&a, &b));
}

static void test_same_looks_at_address_and_cluster(void)
{
    g_auto(instance) a = make("10.0.0.1", 80, "c");
    g_auto(instance) b = make("10.0.0.1", 80, "c");
    b.weight = 7;
    g_assert_true(instance_same(&a, &b));
    b.port = 81;
    g_assert_false(instance_same(&a, &b));
    g_auto(instance) other_cluster = make("10.0.0.1", 80, "d");
    g_assert_false(instance_same(&a, &other_cluster));
}

static void test_order(void)
{
    static const struct {
        const char *ip;
        guint16 port;
        const char *cluster;
    } sorted[] = {
        {"9.255.255.255", 9, "a"}, {"10.0.0.2", 80, "a"}, {"10.0.0.2", 80, "b"},
        {"10.0.0.2", 443, "a"},    {"10.0.0.10", 1, "a"}, {"0::1", 1, "a"},
        {"::1", 1, "a"},           {"::2", 1, "a"},       {"fe80::1", 1, "a"},
        {"1.1.1", 1, "a"},         {"Host", 1, "a"},      {"host", 1, "a"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(sorted); i++) {
        for (guint j = 0; j < G_N_ELEMENTS(sorted); j++) {
            g_auto(instance) a = make(sorted[i].ip, sorted[i].port, sorted[i].cluster);
            g_auto(instance) b = make(sorted[j].ip, sorted[j].port, sorted[j].cluster);
            int order = instance_compare(&a, &b);
            g_assert_cmpint((order > 0) - (order < 0), ==, (i > j) - (i < j));
        }
    }
}

static void test_callable(void)
{
    g_auto(instance) i = make("10.0.0.1", 80, "c");
    g_assert_true(instance_is_callable(&i));
    i.weight = 0;
    g_assert_false(instance_is_callable(&i));
    i.weight = 1;
    i.healthy = FALSE;
    g_assert_false(instance_is_callable(&i));
    i.healthy = TRUE;
    i.enabled = FALSE;
    g_assert_false(instance_is_callable(&i));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/instance/defaults", test_defaults);
    g_test_add_func("/instance/clear-leaves-zeroes", test_clear_leaves_zeroes);
    g_test_add_func("/instance/metadata-stays-sorted", test_metadata_stays_sorted);
    g_test_add_func("/instance/metadata-replaces", test_metadata_replaces);
    g_test_add_func("/instance/metadata-removes", test_metadata_removes);
    g_test_add_func("/instance/copy-is-deep", test_copy_is_deep);
    g_test_add_func("/instance/equality", test_every_member_counts_for_equality);
    g_test_add_func("/instance/same", test_same_looks_at_address_and_cluster);
    g_test_add_func("/instance/order", test_order);
    g_test_add_func("/instance/callable", test_callable);
    return g_test_run();
}
