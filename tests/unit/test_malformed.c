/* SPDX-License-Identifier: MIT
 *
 * Replies of instance/list that are not what they should be: a corpus made from a good one. Of what
 * is malformed nothing may be taken; what is only senseless in one host costs that host.
 */
#include "naming/codec.h"

#include <string.h>

#define NAME "\"name\":\"G@@s\""
#define HOST                                                                                       \
    "{\"ip\":\"10.0.0.1\",\"port\":80,\"weight\":1.0,\"healthy\":true,\"enabled\":true,"           \
    "\"ephemeral\":true,\"clusterName\":\"DEFAULT\",\"serviceName\":\"G@@s\","                     \
    "\"metadata\":{\"k\":\"v w\"}}"
#define GOOD                                                                                       \
    "{" NAME ",\"groupName\":\"G\",\"clusters\":\"\",\"cacheMillis\":10000,\"hosts\":[" HOST       \
    "],\"lastRefTime\":1795354458858,\"checksum\":\"\",\"allIPs\":false,\"valid\":true}"

struct corpus {
    struct service_key *key;
    guint cases;
};

static struct service_info *decode(struct corpus *corpus, const char *text, gsize length,
                                   guint *dropped, char **why)
{
    corpus->cases++;
    return codec_service_info(text, length, corpus->key, dropped, why);
}

static void assert_refused(struct corpus *corpus, const char *text, gsize length)
{
    g_autofree char *why = NULL;
    g_autoptr(service_info) info = decode(corpus, text, length, NULL, &why);
    if (info != NULL)
        g_error("taken: %.*s", (int)MIN(length, 600), text);
    g_assert_nonnull(why);
    g_assert_null(strchr(why, '\n'));
}

static void assert_taken(struct corpus *corpus, const char *text, guint hosts, guint dropped)
{
    g_autofree char *why = NULL;
    guint left_out = 0;
    g_autoptr(service_info) info = decode(corpus, text, strlen(text), &left_out, &why);
    if (info == NULL)
        g_error("refused (%s): %s", why, text);
    if (info->n_hosts != hosts || left_out != dropped)
        g_error("%u hosts, %u dropped: %s", info->n_hosts, left_out, text);
    g_assert_cmpuint(info->n_dropped, ==, dropped);
}

static void corpus_open(struct corpus *corpus)
{
    *corpus = (struct corpus){.key = service_key_new("G", "s")};
    assert_taken(corpus, GOOD, 1, 0);
}

static void corpus_close(struct corpus *corpus, guint at_least)
{
    g_test_message("%u replies", corpus->cases);
    g_assert_cmpuint(corpus->cases, >=, at_least);
    service_key_free(corpus->key);
}

static void test_cut_anywhere(void)
{
    struct corpus corpus;
    corpus_open(&corpus);
    for (gsize length = 0; length < strlen(GOOD); length++) {
        g_autofree char *exact = g_memdup2(GOOD, length); /* a read past the end is an error */
        assert_refused(&corpus, exact != NULL ? exact : "", length);
    }
    corpus_close(&corpus, 300);
}

/* Nowhere in a good reply may one of these bytes stand in place of another. */
static void test_byte_that_has_no_place(void)
{
    static const char bytes[] = {'\0', '\x01', '\n' - 3, '\x1b', '\x80', '\xc0', '\xff'};
    struct corpus corpus;
    corpus_open(&corpus);
    for (gsize at = 0; at < strlen(GOOD); at++)
        for (guint i = 0; i < G_N_ELEMENTS(bytes); i++) {
            char text[] = GOOD;
            text[at] = bytes[i];
            assert_refused(&corpus, text, strlen(GOOD));
        }
    corpus_close(&corpus, 2000);
}

/* Anything may come of these but a crash, a host more, or a name that nobody asked for. */
static void test_any_byte_anywhere(void)
{
    struct corpus corpus;
    g_autoptr(GRand) random = g_rand_new_with_seed(29);
    corpus_open(&corpus);
    for (guint i = 0; i < 5000; i++) {
        char text[] = GOOD;
        for (gint32 n = g_rand_int_range(random, 1, 4); n > 0; n--)
            text[g_rand_int_range(random, 0, sizeof text - 1)] =
                (char)g_rand_int_range(random, 0, 256);
        g_autoptr(service_info) info = decode(&corpus, text, strlen(GOOD), NULL, NULL);
        if (info == NULL)
            continue;
        g_assert_cmpuint(info->n_hosts, <=, 1);
        g_assert_true(service_key_equal(&info->key, corpus.key));
        for (guint host = 0; host < info->n_hosts; host++)
            g_assert_true(g_utf8_validate(info->hosts[host].ip, -1, NULL));
    }
    corpus_close(&corpus, 5000);
}

/* Refused altogether. */
static const char *const wrong_wholes[] = {
    "",
    " ",
    "\n",
    "null",
    "true",
    "0",
    "\"\"",
    "[]",
    "{}",
    "ok",
    "<html></html>",
    "HTTP/1.1 200 OK",
    "{\"hosts\":[]}",
    "{" NAME "}",
    "{" NAME ",\"hosts\":null}",
    "{" NAME ",\"hosts\":{}}",
    "{" NAME ",\"hosts\":\"\"}",
    "{" NAME ",\"hosts\":0}",
    "{\"name\":null,\"hosts\":[]}",
    "{\"name\":7,\"hosts\":[]}",
    "{\"name\":[],\"hosts\":[]}",
    "{\"name\":\"\",\"hosts\":[]}",
    "{\"name\":\"G@@t\",\"hosts\":[]}",
    "{\"name\":\"H@@s\",\"hosts\":[]}",
    "{\"name\":\"G@@S\",\"hosts\":[]}",
    "{\"name\":\"G@@s@@x\",\"hosts\":[]}",
    "{\"name\":\"G@@s \",\"hosts\":[]}",
    "{\"name\":\"G@@s\\u0000\",\"hosts\":[]}",
    "{" NAME "," NAME ",\"hosts\":[]}",
    "{" NAME ",\"hosts\":[],\"hosts\":[]}",
    "{" NAME ",\"hosts\":[]}}",
    "{" NAME ",\"hosts\":[]}{}",
    "{" NAME ",\"hosts\":[],}",
    "{" NAME ",\"hosts\":[" HOST ",]}",
    "{" NAME ",,\"hosts\":[]}",
    "{" NAME " \"hosts\":[]}",
    "{name:\"G@@s\",\"hosts\":[]}",
    "{'name':'G@@s','hosts':[]}",
    "{" NAME ",\"hosts\":[]} // x",
    "/* x */{" NAME ",\"hosts\":[]}",
    "{" NAME ",\"hosts\":[],\"cacheMillis\":NaN}",
    "{" NAME ",\"hosts\":[],\"x\":Infinity}",
    "{" NAME ",\"hosts\":[],\"lastRefTime\":\"soon\"}",
    "{" NAME ",\"hosts\":[],\"lastRefTime\":[1]}",
    "{" NAME ",\"hosts\":[],\"clusters\":7}",
    "{" NAME ",\"hosts\":[],\"cacheMillis\":\"10\"}",
    "{" NAME ",\"hosts\":[],\"x\":01}",
    "{" NAME ",\"hosts\":[],\"x\":+1}",
    "{" NAME ",\"hosts\":[],\"x\":.5}",
    "{" NAME ",\"hosts\":[],\"x\":\"\\x\"}",
    "{" NAME ",\"hosts\":[],\"x\":\"\xed\xa0\x80\"}",
    "{" NAME ",\"hosts\":[],\"x\":\"\xc0\xaf\"}",
    "{" NAME ",\"hosts\":[],\"x\":\"\t\"}",
    "\xef\xbb\xbf{" NAME ",\"hosts\":[]}",
};

static void test_wrong_as_a_whole(void)
{
    struct corpus corpus;
    corpus_open(&corpus);
    for (guint i = 0; i < G_N_ELEMENTS(wrong_wholes); i++)
        assert_refused(&corpus, wrong_wholes[i], strlen(wrong_wholes[i]));
    corpus_close(&corpus, 50);
}

/* A host that makes no sense: `from` in the good one becomes `to`. */
static void test_one_bad_host(void)
{
    static const char *const cases[][2] = {
        {"\"ip\":\"10.0.0.1\",", ""},
        {"\"10.0.0.1\"", "\"\""},
        {"\"10.0.0.1\"", "null"},
        {"\"10.0.0.1\"", "7"},
        {"\"10.0.0.1\"", "[\"10.0.0.1\"]"},
        {"\"10.0.0.1\"", "\"a\\u0000b\""},
        {"\"port\":80,", ""},
        {":80,", ":0,"},
        {":80,", ":-1,"},
        {":80,", ":65536,"},
        {":80,", ":99999,"},
        {":80,", ":4294967376,"},
        {":80,", ":18446744073709551696,"},
        {":80,", ":\"80\","},
        {":80,", ":80.5,"},
        {":80,", ":null,"},
        {":80,", ":true,"},
        {":80,", ":{},"},
        {":1.0,", ":-1,"},
        {":1.0,", ":10001,"},
        {":1.0,", ":1e999,"},
        {":1.0,", ":\"1\","},
        {":1.0,", ":[],"},
        {"healthy\":true", "healthy\":\"true\""},
        {"enabled\":true", "enabled\":1"},
        {"ephemeral\":true", "ephemeral\":\"yes\""},
        {"\"DEFAULT\"", "7"},
        {"{\"k\":\"v w\"}", "[]"},
        {"{\"k\":\"v w\"}", "\"k=v\""},
        {"{\"k\":\"v w\"}", "{\"k\":{}}"},
        {"{\"k\":\"v w\"}", "{\"k\":[1]}"},
        {HOST, "null"},
        {HOST, "7"},
        {HOST, "\"10.0.0.1:80\""},
        {HOST, "[]"},
        {HOST, "{}"},
    };
    struct corpus corpus;
    corpus_open(&corpus);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) bad = g_string_new(HOST);
        g_assert_cmpuint(g_string_replace(bad, cases[i][0], cases[i][1], 1), ==, 1);
        g_autofree char *alone = g_strdup_printf("{" NAME ",\"hosts\":[%s]}", bad->str);
        g_autofree char *among = g_strdup_printf(
            "{" NAME ",\"hosts\":[{\"ip\":\"10.0.0.7\",\"port\":7},%s,{\"ip\":\"a\",\"port\":1}]}",
            bad->str);
        assert_taken(&corpus, alone, 0, 1);
        assert_taken(&corpus, among, 2, 1);
    }
    corpus_close(&corpus, 60);
}

static void test_depth(void)
{
    static const guint depths[] = {17, 100, 10000, 1000000};
    struct corpus corpus;
    corpus_open(&corpus);
    for (guint i = 0; i < G_N_ELEMENTS(depths); i++) {
        g_autofree char *arrays = g_strnfill(depths[i], '[');
        g_autofree char *text = g_strdup_printf("{" NAME ",\"hosts\":[],\"x\":%s", arrays);
        assert_refused(&corpus, arrays, depths[i]);
        assert_refused(&corpus, text, strlen(text));
    }
    corpus_close(&corpus, 8);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/malformed/cut", test_cut_anywhere);
    g_test_add_func("/malformed/no-place", test_byte_that_has_no_place);
    g_test_add_func("/malformed/any-byte", test_any_byte_anywhere);
    g_test_add_func("/malformed/whole", test_wrong_as_a_whole);
    g_test_add_func("/malformed/host", test_one_bad_host);
    g_test_add_func("/malformed/depth", test_depth);
    return g_test_run();
}
