/* SPDX-License-Identifier: MIT */
#include "naming/gunzip.h"

#include <string.h>
#include <zlib.h>

#define LIMIT (4u << 20)

static GByteArray *pack(const char *data, gsize length)
{
    GByteArray *out = g_byte_array_new();
    z_stream stream = {0};

    g_assert_cmpint(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), ==,
                    Z_OK);
    g_byte_array_set_size(out, (guint)deflateBound(&stream, length));
    stream.next_in = (Bytef *)data;
    stream.avail_in = (uInt)length;
    stream.next_out = out->data;
    stream.avail_out = out->len;
    g_assert_cmpint(deflate(&stream, Z_FINISH), ==, Z_STREAM_END);
    g_byte_array_set_size(out, (guint)stream.total_out);
    deflateEnd(&stream);
    return out;
}

/* NULL if it unpacks, else the reason. */
static char *reason(const guint8 *data, gsize length, gsize limit)
{
    g_autofree char *text = NULL;
    char *why = NULL;
    gsize n;

    text = gunzip((const char *)data, length, limit, &n, &why);
    g_assert_true((text == NULL) == (why != NULL));
    return why;
}

static void test_round_trip(void)
{
    const gsize sizes[] = {0, 1, 16383, 16384, 16385, 300000, LIMIT - 1, LIMIT};

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *plain = g_malloc(sizes[i] + 1);
        g_autoptr(GByteArray) packed = NULL;
        g_autofree char *text = NULL;
        gsize n = 0;

        for (gsize j = 0; j < sizes[i]; j++)
            plain[j] = (char)(j * 7 % 251);
        packed = pack(plain, sizes[i]);
        g_assert_true(gunzip_is_gzip((char *)packed->data, packed->len));
        text = gunzip((char *)packed->data, packed->len, LIMIT, &n, NULL);
        g_assert_nonnull(text);
        g_assert_cmpmem(text, n, plain, sizes[i]);
        g_assert_cmpint(text[n], ==, '\0');
    }
}

static void test_limit(void)
{
    g_autofree char *plain = g_malloc0(16 * LIMIT);
    g_autoptr(GByteArray) bomb = pack(plain, 16 * LIMIT);
    g_autoptr(GByteArray) over = pack(plain, LIMIT + 1);
    g_autofree char *why = reason(bomb->data, bomb->len, LIMIT);
    g_autofree char *why_over = reason(over->data, over->len, LIMIT);

    g_assert_nonnull(strstr(why, "more than the limit"));
    g_assert_nonnull(strstr(why_over, "more than the limit"));
}

static void test_cut_at_every_byte(void)
{
    g_autoptr(GByteArray) packed = pack("{\"type\":\"dom\"}", 14);

    for (guint n = 0; n < packed->len; n++) {
        g_autofree char *why = reason(packed->data, n, LIMIT);

        g_assert_nonnull(why);
    }
}

static void test_every_flipped_bit_is_harmless(void)
{
    g_autoptr(GByteArray) packed = pack("hello hello hello hello", 23);

    for (guint bit = 0; bit < packed->len * 8; bit++) {
        gsize n = 0;
        g_autofree char *text = NULL;

        packed->data[bit / 8] ^= (guint8)(1 << bit % 8);
        text = gunzip((char *)packed->data, packed->len, LIMIT, &n, NULL);
        if (text != NULL) /* a bit of the header that means nothing */
            g_assert_cmpmem(text, n, "hello hello hello hello", 23);
        packed->data[bit / 8] ^= (guint8)(1 << bit % 8);
    }
}

static void test_bytes_behind_the_end(void)
{
    g_autoptr(GByteArray) packed = pack("x", 1);
    g_autofree char *why = NULL;

    g_byte_array_append(packed, (const guint8 *)"y", 1);
    why = reason(packed->data, packed->len, LIMIT);
    g_assert_nonnull(strstr(why, "behind the end"));
}

static void test_not_gzip(void)
{
    g_autofree char *why = reason((const guint8 *)"{}", 2, LIMIT);

    g_assert_nonnull(why);
    g_assert_false(gunzip_is_gzip("{}", 2));
    g_assert_false(gunzip_is_gzip("\x1f", 1));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/gunzip/round-trip", test_round_trip);
    g_test_add_func("/gunzip/limit", test_limit);
    g_test_add_func("/gunzip/cut-at-every-byte", test_cut_at_every_byte);
    g_test_add_func("/gunzip/flipped-bits", test_every_flipped_bit_is_harmless);
    g_test_add_func("/gunzip/bytes-behind-the-end", test_bytes_behind_the_end);
    g_test_add_func("/gunzip/not-gzip", test_not_gzip);
    return g_test_run();
}
