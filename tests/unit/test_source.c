/* SPDX-License-Identifier: MIT */
#include "naming/naming.h"

#include <string.h>

static void test_good(void)
{
    static const char *const cases[][2] = {
        {"10.0.0.1", "http://10.0.0.1:8848/nacos"},
        {"10.0.0.1:80", "http://10.0.0.1:80/nacos"},
        {"nacos-1.example_x", "http://nacos-1.example_x:8848/nacos"},
        {"::1", "http://[::1]:8848/nacos"},
        {"[::1]", "http://[::1]:8848/nacos"},
        {"[fe80::2]:81", "http://[fe80::2]:81/nacos"},
        {"http://h", "http://h:8848/nacos"},
        {"http://h/", "http://h:8848/nacos"},
        {"http://h:1/", "http://h:1/nacos"},
        {"https://h", "https://h:443/nacos"},
        {"HTTPS://h:8443/a/b/", "https://h:8443/a/b"},
        {"https://[::1]/x", "https://[::1]:443/x"},
        {"a,b:1", "http://a:8848/nacos http://b:1/nacos"},
        {"a, http://b/c", "http://a:8848/nacos http://b:8848/c"},
        {"a,a:8848,http://a/nacos", "http://a:8848/nacos"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *why = NULL;
        g_auto(GStrv) urls = naming_parse_source(cases[i][0], &why);
        g_assert_cmpstr(why, ==, NULL);
        g_autofree char *joined = g_strjoinv(" ", urls);
        g_assert_cmpstr(joined, ==, cases[i][1]);
    }
}

static void test_refused(void)
{
    static const char *const cases[] = {"",
                                        ",",
                                        "a,",
                                        "a,,b",
                                        " ",
                                        "a:0",
                                        "a:65536",
                                        "a:x",
                                        "a:-1",
                                        "a b",
                                        "ftp://a",
                                        "http://",
                                        "http:///nacos",
                                        "a/nacos",
                                        "http://u@a",
                                        "http://u:p@a/nacos",
                                        "http://a/nacos?x=1",
                                        "http://a#f",
                                        "a?x",
                                        "u@a",
                                        "[::1",
                                        "http://a b/",
                                        "http://a:99999/",
                                        "a\r\nb",
                                        "http://a/\r\nX: y",
                                        "\xff",
                                        "file:///etc",
                                        "http://a/%zz"};
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *why = NULL;
        g_auto(GStrv) urls = naming_parse_source(cases[i], &why);
        g_test_message("case %u", i);
        g_assert_null(urls);
        g_assert_nonnull(why);
        g_assert_cmpuint(strlen(why), >, 0);
    }
}

static void test_reason_may_be_left_out(void)
{
    g_assert_null(naming_parse_source("a:x", NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/source/good", test_good);
    g_test_add_func("/source/refused", test_refused);
    g_test_add_func("/source/no-reason", test_reason_may_be_left_out);
    return g_test_run();
}
