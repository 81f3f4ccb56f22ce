/* SPDX-License-Identifier: MIT */
#include "naming/registry/errors.h"
#include "naming/registry/metadata.h"

struct row {
    const char *text;
    const char *json; /* NULL = refused */
};

static void check(const struct row *rows, gsize count)
{
    for (gsize i = 0; i < count; i++) {
        g_autoptr(GError) error = NULL;
        struct metadata metadata;
        gboolean taken = metadata_parse(rows[i].text, &metadata, &error);
        g_assert_cmpint(taken, ==, rows[i].json != NULL);
        if (taken) {
            g_assert_cmpstr(metadata.json, ==, rows[i].json);
            metadata_clear(&metadata);
        } else {
            g_assert_true(error->domain == REGISTRY_ERROR);
        }
    }
}

static void test_objects(void)
{
    const struct row rows[] = {
        {NULL, "{}"},
        {"", "{}"},
        {"{}", "{}"},
        {"{\"a\":\"1\"}", "{\"a\":\"1\"}"},
        {"{\"z\":1,\"a\":true,\"d\":1.50}", "{\"z\":\"1\",\"a\":\"true\",\"d\":\"1.50\"}"},
        {"{\"gone\":null}", "{}"},
        {"{\"a\":\"1\",\"a\":\"2\"}", "{\"a\":\"2\"}"},
        {"{\"a/b\":\"\\\"\\\\\\n\\u0001\\u00e9\"}", "{\"a/b\":\"\\\"\\\\\\n\\u0001é\"}"},
        {"{\"nul\":\"a\\u0000b\"}", "{\"nul\":\"a\\u0000b\"}"},
    };
    check(rows, G_N_ELEMENTS(rows));
}

static void test_pairs(void)
{
    const struct row rows[] = {
        {"a=1", "{\"a\":\"1\"}"},
        {"b=2,a=1", "{\"b\":\"2\",\"a\":\"1\"}"},
    };
    check(rows, G_N_ELEMENTS(rows));
}

static void test_refused(void)
{
    const struct row rows[] = {
        {"xx", NULL},
        {"a=", NULL},
        {"=1", NULL},
        {"a=1=2", NULL},
        {"a=1,a=2", NULL},
        {"a=1,", NULL},
        {"[]", NULL},
        {"1", NULL},
        {"null", NULL},
        {"{\"a\":{}}", NULL},
        {"{\"a\":[1]}", NULL},
        {"{\"a\":\"1\"", NULL},
        {"{\"a\":\"1\"}}", NULL},
        {"{'a':'1'}", NULL},
    };
    check(rows, G_N_ELEMENTS(rows));
}

static void test_deep_nesting_is_refused(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < 10000; i++)
        g_string_append(text, "{\"a\":");
    struct row row = {text->str, NULL};
    check(&row, 1);
}

static void test_length_counts_characters(void)
{
    g_autoptr(GString) text = g_string_new("{\"k\":\"");
    for (int i = 0; i < METADATA_MAX_LENGTH - 1; i++)
        g_string_append(text, "é");
    g_autofree char *fits = g_strconcat(text->str, "\"}", NULL);
    g_autofree char *too_long = g_strconcat(text->str, "x\"}", NULL);
    struct metadata metadata;
    g_assert_true(metadata_parse(fits, &metadata, NULL));
    metadata_clear(&metadata);
    g_assert_false(metadata_parse(too_long, &metadata, NULL));
}

static void test_times(void)
{
    struct metadata metadata;
    g_assert_true(metadata_parse("{\"preserved.heart.beat.timeout\":\"3000\","
                                 "\"preserved.ip.delete.timeout\":9000,"
                                 "\"preserved.heart.beat.interval\":\"1s\"}",
                                 &metadata, NULL));
    g_assert_cmpuint(metadata.beat_timeout_ms, ==, 3000);
    g_assert_cmpuint(metadata.delete_timeout_ms, ==, 9000);
    g_assert_cmpuint(metadata.beat_interval_ms, ==, 0);
    metadata_clear(&metadata);
}

static void test_huge_time_saturates(void)
{
    struct metadata metadata;
    g_assert_true(
        metadata_parse("preserved.ip.delete.timeout=99999999999999999999999", &metadata, NULL));
    g_assert_cmpuint(metadata.delete_timeout_ms, ==, G_MAXUINT32);
    metadata_clear(&metadata);
}

static void test_merge(void)
{
    static const struct {
        const char *base, *change;
        gboolean remove;
        const char *merged;
    } rows[] = {
        {"{}", "{\"a\":\"1\"}", FALSE, "{\"a\":\"1\"}"},
        {"a=1,b=2", "b=3", FALSE, "{\"a\":\"1\",\"b\":\"3\"}"},
        {"a=1,b=2", "b=9,c=9", TRUE, "{\"a\":\"1\"}"},
        {"a=1", "{}", FALSE, "{\"a\":\"1\"}"},
        {"a=1", "{}", TRUE, "{\"a\":\"1\"}"},
        {"{\"q\":\"\\\"\"}", "a=1", FALSE, "{\"q\":\"\\\"\",\"a\":\"1\"}"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct metadata base, change, merged;
        g_assert_true(metadata_parse(rows[i].base, &base, NULL));
        g_assert_true(metadata_parse(rows[i].change, &change, NULL));
        g_assert_true(metadata_merge(&base, &change, rows[i].remove, &merged, NULL));
        g_assert_cmpstr(merged.json, ==, rows[i].merged);
        metadata_clear(&base);
        metadata_clear(&change);
        metadata_clear(&merged);
    }
}

/* Times are read from the result, too. */
static void test_merge_of_a_time(void)
{
    struct metadata base, change, merged;
    g_assert_true(metadata_parse("preserved.heart.beat.timeout=1000", &base, NULL));
    g_assert_true(metadata_parse("preserved.heart.beat.timeout=2000", &change, NULL));
    g_assert_true(metadata_merge(&base, &change, FALSE, &merged, NULL));
    g_assert_cmpuint(merged.beat_timeout_ms, ==, 2000);
    metadata_clear(&merged);
    g_assert_true(metadata_merge(&base, &change, TRUE, &merged, NULL));
    g_assert_cmpuint(merged.beat_timeout_ms, ==, METADATA_DEFAULT_BEAT_TIMEOUT_MS);
    metadata_clear(&base);
    metadata_clear(&change);
    metadata_clear(&merged);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/registry/metadata/objects", test_objects);
    g_test_add_func("/registry/metadata/pairs", test_pairs);
    g_test_add_func("/registry/metadata/refused", test_refused);
    g_test_add_func("/registry/metadata/deep-nesting", test_deep_nesting_is_refused);
    g_test_add_func("/registry/metadata/length", test_length_counts_characters);
    g_test_add_func("/registry/metadata/times", test_times);
    g_test_add_func("/registry/metadata/huge-time", test_huge_time_saturates);
    g_test_add_func("/registry/metadata/merge", test_merge);
    g_test_add_func("/registry/metadata/merge-of-a-time", test_merge_of_a_time);
    return g_test_run();
}
