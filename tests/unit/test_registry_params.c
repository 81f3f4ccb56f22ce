/* SPDX-License-Identifier: MIT */
#include "naming/registry/params.h"

#include <string.h>

static struct params *parse(const char *text)
{
    struct params *params = params_new();
    if (params_add_form(params, text, strlen(text), NULL))
        return params;
    params_free(params);
    return NULL;
}

static void test_decoding(void)
{
    g_autoptr(registry_params) params = parse("a=1+2%2B3&b=%E4%B8%AD&c=&d&&e=x%3Dy=z&f=+t+&");
    g_assert_cmpstr(params_get(params, "a"), ==, "1 2+3");
    g_assert_cmpstr(params_get(params, "b"), ==, "中");
    g_assert_null(params_get(params, "c"));
    g_assert_null(params_get(params, "d"));
    g_assert_cmpstr(params_get(params, "e"), ==, "x=y=z");
    g_assert_cmpstr(params_get(params, "f"), ==, "t");
    g_assert_null(params_get(params, "absent"));
}

static void test_first_counts(void)
{
    g_autoptr(registry_params) params = parse("a=1&a=2");
    g_assert_true(params_add_form(params, "a=3&b=4", 7, NULL));
    g_assert_cmpstr(params_get(params, "a"), ==, "1");
    g_assert_cmpstr(params_get(params, "b"), ==, "4");
}

static void test_broken(void)
{
    const char *const broken[] = {"a=%zz", "a=%", "a=%4", "a=%00", "a=%ff", "%ff=a", "a=\xff"};
    for (gsize i = 0; i < G_N_ELEMENTS(broken); i++)
        g_assert_null(parse(broken[i]));
}

static void test_embedded_nul(void)
{
    g_autoptr(registry_params) params = params_new();
    g_assert_false(params_add_form(params, "a=1\0002", 5, NULL));
}

static void test_too_many(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < PARAMS_MAX + 1; i++)
        g_string_append_printf(text, "p%d=1&", i);
    g_assert_null(parse(text->str));
}

static void test_booleans(void)
{
    g_autoptr(registry_params) params = parse("a=true&b=YES&c=1&d=false&e=t");
    g_assert_true(params_bool(params, "a", FALSE));
    g_assert_true(params_bool(params, "b", FALSE));
    g_assert_false(params_bool(params, "c", TRUE));
    g_assert_false(params_bool(params, "d", TRUE));
    g_assert_true(params_bool(params, "e", FALSE));
    g_assert_true(params_bool(params, "absent", TRUE));
}

static void test_numbers(void)
{
    g_autoptr(GError) error = NULL;
    gint number = 7;
    double real = 0.5;
    g_autoptr(registry_params) params = parse("a=80&b=abc&c=99999999999&d=2.5&e=0x10&f=-3");
    g_assert_true(params_int(params, "a", &number, NULL) && number == 80);
    g_assert_true(params_int(params, "f", &number, NULL) && number == -3);
    g_assert_true(params_int(params, "absent", &number, NULL) && number == -3);
    g_assert_false(params_int(params, "c", &number, NULL));
    g_assert_true(params_double(params, "d", &real, NULL) && real == 2.5);
    g_assert_false(params_double(params, "e", &real, NULL));
    g_assert_false(params_int(params, "b", &number, &error));
    g_assert_cmpstr(error->message, ==, "For input string: \"abc\"");
}

static void test_required(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(registry_params) params = parse("ip=+&port=1");
    g_assert_cmpstr(params_required(params, "port", NULL), ==, "1");
    g_assert_null(params_required(params, "ip", &error));
    g_assert_cmpstr(error->message, ==, "Param 'ip' is required.");
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/registry/params/decoding", test_decoding);
    g_test_add_func("/registry/params/first-counts", test_first_counts);
    g_test_add_func("/registry/params/broken", test_broken);
    g_test_add_func("/registry/params/embedded-nul", test_embedded_nul);
    g_test_add_func("/registry/params/too-many", test_too_many);
    g_test_add_func("/registry/params/booleans", test_booleans);
    g_test_add_func("/registry/params/numbers", test_numbers);
    g_test_add_func("/registry/params/required", test_required);
    return g_test_run();
}
