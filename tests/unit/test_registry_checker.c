/* SPDX-License-Identifier: MIT */
#include "naming/registry/checker.h"

#include "naming/registry/errors.h"

static char *echo(const char *text, gboolean with_password)
{
    struct checker checker, copy = {0};
    GString *out = g_string_new(NULL);
    g_assert_true(checker_parse(text, &checker, NULL));
    checker_assign(&copy, &checker);
    checker_clear(&checker);
    checker_write(out, &copy, with_password);
    checker_clear(&copy);
    return g_string_free(out, FALSE);
}

static void test_kinds(void)
{
    static const char *const rows[][2] = {
        {"{\"type\":\"TCP\"}", "{\"type\":\"TCP\"}"},
        {"{\"type\":\"NONE\"}", "{\"type\":\"NONE\"}"},
        {"{\"type\":\"ICMP\"}", "{\"type\":\"NONE\"}"},
        {"{}", "{\"type\":\"NONE\"}"},
        {"{\"type\":\"HTTP\"}",
         "{\"type\":\"HTTP\",\"path\":\"/\",\"headers\":\"\",\"expectedResponseCode\":200}"},
        {"{\"type\":\"HTTP\",\"path\":\"h?a=b\",\"headers\":\"A:b|C:d\",\"expectedResponseCode\":"
         "204}",
         "{\"type\":\"HTTP\",\"path\":\"/"
         "h?a=b\",\"headers\":\"A:b|C:d\",\"expectedResponseCode\":204}"},
        {"{\"type\":\"HTTP\",\"path\":\"http://169.254.169.254/\"}",
         "{\"type\":\"HTTP\",\"path\":\"/http://169.254.169.254/\",\"headers\":\"\","
         "\"expectedResponseCode\":200}"},
        {"{\"type\":\"MYSQL\",\"user\":\"u\",\"pwd\":\"p\",\"cmd\":\"select 1\"}",
         "{\"type\":\"MYSQL\",\"user\":\"u\",\"pwd\":\"p\",\"cmd\":\"select 1\"}"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *got = echo(rows[i][0], TRUE);
        g_assert_cmpstr(got, ==, rows[i][1]);
    }
}

static void test_password_is_not_told(void)
{
    g_autofree char *got = echo("{\"type\":\"MYSQL\",\"pwd\":\"secret\",\"cmd\":\"c\"}", FALSE);
    g_assert_cmpstr(got, ==, "{\"type\":\"MYSQL\",\"user\":\"\",\"pwd\":\"\",\"cmd\":\"c\"}");
}

static void test_refused(void)
{
    g_autofree char *long_one = g_strnfill(CHECKER_MAX_LENGTH + 1, ' ');
    const struct {
        const char *text;
        int code;
    } rows[] = {
        {"", REGISTRY_ERROR_NACOS},
        {"TCP", REGISTRY_ERROR_NACOS},
        {"[]", REGISTRY_ERROR_NACOS},
        {"{\"type\":\"TCP\"", REGISTRY_ERROR_NACOS},
        {"{\"type\":\"HTTP\",\"path\":\"/a b\"}", REGISTRY_ERROR_ARGUMENT},
        {"{\"type\":\"HTTP\",\"path\":\"/\\r\\nX: y\"}", REGISTRY_ERROR_ARGUMENT},
        {"{\"type\":\"HTTP\",\"headers\":\"A:b\\r\\nX\"}", REGISTRY_ERROR_ARGUMENT},
        {"{\"type\":\"HTTP\",\"headers\":\"\xc3\xa9:b\"}", REGISTRY_ERROR_ARGUMENT},
        {long_one, REGISTRY_ERROR_ARGUMENT},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct checker checker;
        g_autoptr(GError) error = NULL;
        g_assert_false(checker_parse(rows[i].text, &checker, &error));
        g_assert_error(error, REGISTRY_ERROR, rows[i].code);
        g_assert_null(checker.path);
    }
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/registry/checker/kinds", test_kinds);
    g_test_add_func("/registry/checker/password", test_password_is_not_told);
    g_test_add_func("/registry/checker/refused", test_refused);
    return g_test_run();
}
