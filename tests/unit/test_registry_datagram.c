/* SPDX-License-Identifier: MIT */
#include "naming/registry/datagram.h"

#include <string.h>

static void test_short_is_plain(void)
{
    static const char expected[] =
        "{\"type\":\"dom\",\"data\":\"{\\\"a\\\":\\\"\\\\\\\"\\\"}\",\"lastRefTime\":42}";
    g_autoptr(GBytes) bytes = datagram_push("{\"a\":\"\\\"\"}", 42);
    gsize size;
    const char *text = g_bytes_get_data(bytes, &size);
    g_assert_cmpmem(text, size, expected, strlen(expected));
}

static void test_gzip_from_1024(void)
{
    g_autoptr(GBytes) frame = datagram_push("", 1);
    gsize around = g_bytes_get_size(frame);
    g_autofree char *data = g_strnfill(DATAGRAM_GZIP_FROM - around, 'a');
    g_autoptr(GBytes) zipped = datagram_push(data, 1);
    data[DATAGRAM_GZIP_FROM - around - 1] = '\0';
    g_autoptr(GBytes) plain = datagram_push(data, 1);
    g_assert_cmpuint(g_bytes_get_size(plain), ==, DATAGRAM_GZIP_FROM - 1);
    g_assert_cmpmem(g_bytes_get_data(zipped, NULL), 2, "\x1f\x8b", 2);
    g_assert_cmpuint(g_bytes_get_size(zipped), <, 200);
}

static void test_too_large(void)
{
    gsize size = 3 * DATAGRAM_MAX;
    g_autofree char *noise = g_malloc(size + 1);
    GRand *random = g_rand_new_with_seed(1);
    for (gsize i = 0; i < size; i++)
        noise[i] = (char)g_rand_int_range(random, '0', 'z');
    noise[size] = '\0';
    g_rand_free(random);
    g_assert_null(datagram_push(noise, 1));
}

static void test_acks(void)
{
    const struct {
        const char *text;
        guint64 sequence; /* 0 = none */
    } rows[] = {
        {"{\"type\": \"push-ack\", \"lastRefTime\":\"1362867988661\", \"data\":\"\"}",
         1362867988661},
        {"{\"type\":\"push-ack\",\"lastRefTime\":7}", 7},
        {"{\"type\":\"dump-ack\",\"lastRefTime\":7}", 0},
        {"{\"type\":\"push-ack\",\"lastRefTime\":\"x\"}", 0},
        {"{\"type\":\"push-ack\",\"lastRefTime\":null}", 0},
        {"{\"type\":\"push-ack\"}", 0},
        {"{\"lastRefTime\":7}", 0},
        {"[]", 0},
        {"", 0},
        {"{", 0},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        guint64 sequence = 0;
        g_assert_cmpint(datagram_parse_ack(rows[i].text, strlen(rows[i].text), &sequence), ==,
                        rows[i].sequence != 0);
        g_assert_cmpuint(sequence, ==, rows[i].sequence);
    }
}

static void test_ack_ends_at_its_length(void)
{
    static const char text[] = "{\"type\":\"push-ack\",\"lastRefTime\":7}}garbage";
    guint64 sequence;
    gsize length = strlen(text) - strlen("}garbage");
    g_assert_true(datagram_parse_ack(text, length, &sequence));
    g_assert_false(datagram_parse_ack(text, length + 1, &sequence));
    g_assert_false(datagram_parse_ack(text, length - 1, &sequence));
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/registry/datagram/plain", test_short_is_plain);
    g_test_add_func("/registry/datagram/gzip", test_gzip_from_1024);
    g_test_add_func("/registry/datagram/too-large", test_too_large);
    g_test_add_func("/registry/datagram/acks", test_acks);
    g_test_add_func("/registry/datagram/ack-length", test_ack_ends_at_its_length);
    return g_test_run();
}
