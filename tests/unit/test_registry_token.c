/* SPDX-License-Identifier: MIT */
#include "naming/registry/token.h"

#include <string.h>

#define NOW 1795354447

static GBytes *key_of(const char *text)
{
    return g_bytes_new(text, strlen(text));
}

static void test_says_who(void)
{
    static const char *const names[] = {"a", "ab", "abc", "nacos", "名", "a.b", "a b+/=", NULL};
    g_autoptr(GBytes) key = key_of("0123456789abcdef0123456789abcdef");
    for (int i = 0; names[i]; i++) {
        g_autofree char *user = NULL;
        g_autofree char *token = token_sign(key, names[i], NOW + 10);
        g_assert_cmpint(token_verify(key, token, NOW, &user), ==, TOKEN_VALID);
        g_assert_cmpstr(user, ==, names[i]);
        g_assert_cmpuint(strspn(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789-_."),
                         ==, strlen(token));
    }
}

static void test_expires(void)
{
    char *user = NULL;
    g_autoptr(GBytes) key = key_of("0123456789abcdef0123456789abcdef");
    g_autofree char *token = token_sign(key, "nacos", NOW);
    g_assert_cmpint(token_verify(key, token, NOW, &user), ==, TOKEN_EXPIRED);
    g_assert_null(user);
}

static void test_another_key(void)
{
    char *user = NULL;
    g_autoptr(GBytes) key = key_of("0123456789abcdef0123456789abcdef");
    g_autoptr(GBytes) other = key_of("0123456789abcdef0123456789abcdeg");
    g_autofree char *token = token_sign(key, "nacos", NOW + 10);
    g_assert_cmpint(token_verify(other, token, NOW, &user), ==, TOKEN_INVALID);
    g_assert_null(user);
}

/* No byte of a token can be another one. */
static void test_changed(void)
{
    char *user = NULL;
    g_autoptr(GBytes) key = key_of("0123456789abcdef0123456789abcdef");
    g_autofree char *token = token_sign(key, "nacos", NOW + 10);
    for (gsize i = 0; token[i]; i++) {
        char kept = token[i];
        token[i] = kept == 'x' ? 'y' : 'x';
        g_assert_cmpint(token_verify(key, token, NOW, &user), ==, TOKEN_INVALID);
        g_assert_null(user);
        token[i] = kept;
    }
}

static void test_junk(void)
{
    static const char *const junk[] = {
        "", ".", "..", "...", "a.b", "a.1.", "a.1.c", "a..b", "bmFjb3M.99999999999.", NULL};
    char *user = NULL;
    g_autoptr(GBytes) key = key_of("0123456789abcdef0123456789abcdef");
    for (int i = 0; junk[i]; i++) {
        g_assert_cmpint(token_verify(key, junk[i], NOW, &user), ==, TOKEN_INVALID);
        g_assert_null(user);
    }
}

static void test_equal(void)
{
    g_assert_true(token_equal("", ""));
    g_assert_true(token_equal("abc", "abc"));
    g_assert_false(token_equal("abc", "abd"));
    g_assert_false(token_equal("abc", "ab"));
    g_assert_false(token_equal("", "a"));
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/registry/token/says-who", test_says_who);
    g_test_add_func("/registry/token/expires", test_expires);
    g_test_add_func("/registry/token/another-key", test_another_key);
    g_test_add_func("/registry/token/changed", test_changed);
    g_test_add_func("/registry/token/junk", test_junk);
    g_test_add_func("/registry/token/equal", test_equal);
    return g_test_run();
}
