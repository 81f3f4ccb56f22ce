/* SPDX-License-Identifier: MIT */
#include "fs/names.h"

#include <string.h>

static void check_pair(const char *raw, const char *shown)
{
    g_autofree char *encoded = names_encode(raw);
    g_assert_cmpstr(encoded, ==, shown);
    g_autofree char *decoded = names_decode(shown);
    g_assert_cmpstr(decoded, ==, raw);
}

static void test_plain_is_itself(void)
{
    const char *names[] = {"order-svc", "DEFAULT_GROUP", "a b", "a..b", "@@",     "\xe6\x9c\x8d",
                           "\xff\xfe",  "a\nb",          "~",   "-rf",  "a\\040b"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        check_pair(names[i], names[i]);
}

static void test_escapes(void)
{
    check_pair("a/b", "a%2Fb");
    check_pair("%", "%25");
    check_pair("%2F", "%252F");
    check_pair(".", "%2E");
    check_pair("..", "%2E.");
    check_pair(".nacos", "%2Enacos");
    check_pair("a.", "a.");
}

static void test_empty_has_no_name(void)
{
    g_assert_null(names_encode(""));
    g_assert_null(names_decode(""));
}

static void test_other_spellings_are_refused(void)
{
    const char *names[] = {"a%2fb", "%41", "%", "%2", "%G0", "%00", "a%2E", ".a", "a/b", "%7E"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        g_assert_null(names_decode(names[i]));
}

static void test_255_bytes_stay(void)
{
    g_autofree char *name = g_strnfill(255, 'x');
    check_pair(name, name);
}

static void test_longer_is_shortened(void)
{
    g_autofree char *name = g_strnfill(256, 'x');
    g_autofree char *head = g_strnfill(200, 'x');
    /* printf 'x%.0s' $(seq 256) | sha256sum */
    g_autofree char *expected = g_strconcat(head, "~", "85e62acd750c4eb5", NULL);
    g_autofree char *shown = names_encode(name);
    g_assert_cmpstr(shown, ==, expected);
    g_assert_null(names_decode(shown));
}

static void test_shortened_by_encoded_length(void)
{
    g_autofree char *name = g_strnfill(86, '/'); /* 258 bytes encoded */
    g_autofree char *shown = names_encode(name);
    g_assert_cmpuint(strlen(shown), ==, 217);
    g_assert_null(names_decode(shown));
}

static void test_look_alike_of_shortened_keeps_apart(void)
{
    g_autofree char *name = g_strnfill(300, 'x');
    g_autofree char *shown = names_encode(name);
    g_autofree char *twice = names_encode(shown); /* a service that is called so */
    g_assert_cmpstr(twice, !=, shown);
    g_assert_cmpuint(strlen(twice), ==, 219);
    g_autofree char *undone = names_decode(twice);
    g_assert_cmpstr(undone, ==, shown);
    g_assert_null(names_decode(shown));
}

/* Few distinct characters, so that near collisions are frequent. */
static char *random_name(void)
{
    static const char alphabet[] = "./%~2F5Ea0\xc3\xa9\xff\n \\";
    gsize length = (gsize)g_test_rand_int_range(1, g_test_rand_bit() ? 5 : 400);
    char *name = g_malloc(length + 1);
    for (gsize i = 0; i < length; i++)
        name[i] = alphabet[g_test_rand_int_range(0, sizeof(alphabet) - 1)];
    name[length] = '\0';
    return name;
}

static void test_random_names_are_injective(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (int i = 0; i < 20000; i++) {
        char *raw = random_name();
        char *shown = names_encode(raw);
        gsize length = strlen(shown);
        g_assert_cmpuint(length, <=, NAMES_MAX);
        g_assert_null(strchr(shown, '/'));
        g_assert_cmpint(*shown, !=, '.');
        const char *before = g_hash_table_lookup(seen, shown);
        g_assert_true(before == NULL || strcmp(before, raw) == 0);
        g_autofree char *undone = names_decode(shown);
        g_assert_true(undone == NULL ? length == 217 : strcmp(undone, raw) == 0);
        g_hash_table_insert(seen, shown, raw);
    }
}

static void test_random_spellings_are_canonical(void)
{
    for (int i = 0; i < 20000; i++) {
        g_autofree char *shown = random_name();
        g_autofree char *raw = names_decode(shown);
        if (raw == NULL)
            continue;
        g_autofree char *again = names_encode(raw);
        g_assert_cmpstr(again, ==, shown);
    }
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/names/plain", test_plain_is_itself);
    g_test_add_func("/names/escapes", test_escapes);
    g_test_add_func("/names/empty", test_empty_has_no_name);
    g_test_add_func("/names/other-spellings", test_other_spellings_are_refused);
    g_test_add_func("/names/255", test_255_bytes_stay);
    g_test_add_func("/names/longer", test_longer_is_shortened);
    g_test_add_func("/names/encoded-length", test_shortened_by_encoded_length);
    g_test_add_func("/names/look-alike", test_look_alike_of_shortened_keeps_apart);
    g_test_add_func("/names/injective", test_random_names_are_injective);
    g_test_add_func("/names/canonical", test_random_spellings_are_canonical);
    return g_test_run();
}
