/* SPDX-License-Identifier: MIT */
#include "naming/registry/names.h"

#include "naming/registry/errors.h"

#include <string.h>

static void test_both_forms_of_a_name(void)
{
    const struct {
        const char *service, *group, *grouped;
    } rows[] = {
        {"s", NULL, "DEFAULT_GROUP@@s"},
        {"s", "G", "G@@s"},
        {"G1@@s", NULL, "G1@@s"},
        {"G1@@s", "G2", "G1@@s"},
        {"a@b", "G", "G@@a@b"},
        {"@@s", NULL, NULL},
        {"G@@", NULL, NULL},
        {"a@@b@@c", NULL, NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *grouped = names_grouped(rows[i].service, rows[i].group, &error);
        g_assert_cmpstr(grouped, ==, rows[i].grouped);
        g_assert_cmpint(error == NULL, ==, rows[i].grouped != NULL);
    }
}

static char *letters(gsize count)
{
    char *text = g_malloc(count + 1);
    memset(text, 'a', count);
    text[count] = '\0';
    return text;
}

static gboolean grouped_is_taken(gsize service_length, gsize group_length)
{
    g_autofree char *service = letters(service_length);
    g_autofree char *group = letters(group_length);
    g_autofree char *grouped = names_grouped(service, group, NULL);
    return grouped != NULL;
}

static void test_lengths(void)
{
    g_assert_true(grouped_is_taken(NAMES_MAX_SERVICE, NAMES_MAX_GROUP));
    g_assert_false(grouped_is_taken(NAMES_MAX_SERVICE + 1, 1));
    g_assert_false(grouped_is_taken(1, NAMES_MAX_GROUP + 1));
}

static void test_parts(void)
{
    g_autofree char *group = names_group("G@@s");
    g_assert_cmpstr(group, ==, "G");
    g_assert_cmpstr(names_service("G@@s"), ==, "s");
}

static void test_service_characters(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(names_check_service("DEFAULT_GROUP@@aZ09.:_-", NULL));
    g_assert_false(names_check_service("DEFAULT_GROUP@@a b/c", &error));
    g_assert_cmpstr(error->message, ==,
                    "dom name can only have these characters: 0-9a-zA-Z-._:, "
                    "current: DEFAULT_GROUP@@a b/c");
}

static void test_clusters(void)
{
    g_autofree char *longest = letters(NAMES_MAX_CLUSTER);
    g_autofree char *too_long = letters(NAMES_MAX_CLUSTER + 1);
    g_assert_true(names_check_cluster("hz-1", NULL));
    g_assert_true(names_check_cluster(longest, NULL));
    g_assert_false(names_check_cluster(too_long, NULL));
    g_assert_false(names_check_cluster("a_b", NULL));
    g_assert_false(names_check_cluster("a,b", NULL));
    g_assert_false(names_check_cluster("", NULL));
}

static void test_namespaces(void)
{
    g_assert_true(names_check_namespace("8f7b-test_1", NULL));
    g_assert_false(names_check_namespace("a/b", NULL));
    g_assert_false(names_check_namespace("a#b", NULL));
}

static void test_addresses(void)
{
    g_assert_true(names_check_ip("10.0.0.1", NULL));
    g_assert_true(names_check_ip("fe80::1", NULL));
    g_assert_true(names_check_ip("host-1.example", NULL));
    g_assert_false(names_check_ip("", NULL));
    g_assert_false(names_check_ip("a b", NULL));
    g_assert_false(names_check_ip("h\xc3\xa9", NULL));
    g_assert_true(names_check_port(0, NULL));
    g_assert_true(names_check_port(65535, NULL));
    g_assert_false(names_check_port(65536, NULL));
    g_assert_false(names_check_port(-1, NULL));
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/registry/names/both-forms", test_both_forms_of_a_name);
    g_test_add_func("/registry/names/lengths", test_lengths);
    g_test_add_func("/registry/names/parts", test_parts);
    g_test_add_func("/registry/names/service-characters", test_service_characters);
    g_test_add_func("/registry/names/clusters", test_clusters);
    g_test_add_func("/registry/names/namespaces", test_namespaces);
    g_test_add_func("/registry/names/addresses", test_addresses);
    return g_test_run();
}
