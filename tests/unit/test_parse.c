/* SPDX-License-Identifier: MIT */
#include "fs/parse.h"

#include "fs/render.h"

#include <locale.h>
#include <string.h>

#define ADDRESS "10.0.0.1:8080"

static gboolean parse(const char *line, struct instance *instance)
{
    g_autofree char *why = NULL;
    gboolean ok = parse_instance(line, strlen(line), "10.0.0.9", instance, &why);
    if (ok != (why == NULL))
        g_error("'%s' gave %d and the reason %s", line, ok, why);
    return ok;
}

static char *parsed_line(const char *line)
{
    g_auto(instance) host = {0};
    if (!parse(line, &host))
        return NULL;
    GString *out = g_string_new(NULL);
    render_line(out, &host);
    return g_string_free(out, FALSE);
}

static void check_line(const char *line, const char *expected)
{
    g_autofree char *again = parsed_line(line);
    g_assert_cmpstr(again, ==, expected);
}

static void check_refused(const char *line)
{
    g_autofree char *again = parsed_line(line);
    if (again != NULL)
        g_test_message("'%s' was taken as %s", line, again);
    g_assert_null(again);
}

static void test_defaults(void)
{
    check_line(ADDRESS, ADDRESS " weight=1 healthy=true enabled=true ephemeral=true "
                                "cluster=DEFAULT\n");
}

static void test_all_attributes(void)
{
    const char *line =
        ADDRESS " weight=2.5 healthy=false enabled=false ephemeral=false cluster=hz-1 "
                "meta.a= meta.note=a\\040b\\134 meta.z\\075y==\n";
    g_autofree char *chomped = g_strchomp(g_strdup(line));
    check_line(chomped, line);
}

static void test_own_address(void)
{
    check_line(":80", "10.0.0.9:80 weight=1 healthy=true enabled=true ephemeral=true "
                      "cluster=DEFAULT\n");
}

static void test_blanks_between_fields(void)
{
    check_line("  " ADDRESS " \t weight=3\t", ADDRESS " weight=3 healthy=true enabled=true "
                                                      "ephemeral=true cluster=DEFAULT\n");
}

static void test_metadata_is_sorted(void)
{
    g_auto(instance) host = {0};
    g_assert_true(parse(ADDRESS " meta.b=2 meta.a=1", &host));
    g_assert_cmpstr(host.metadata[0], ==, "a");
    g_assert_cmpstr(host.metadata[2], ==, "b");
}

static void test_escaped_bytes_are_taken(void)
{
    g_auto(instance) host = {0};
    g_assert_true(parse(ADDRESS " meta.\\146=\\015\\012\\303\\251", &host));
    g_assert_cmpstr(instance_get_metadata(&host, "f"), ==, "\r\n\xc3\xa9");
}

static void test_bad_weights(void)
{
    const char *bad[] = {"",    "-1",    "+1", "1e3",     "0x10",        "inf",         "nan",
                         "1,5", "1.2.3", ".",  "10000.1", "99999999999", "\\0611\\040", "--"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *line = g_strconcat(ADDRESS " enabled=true weight=", bad[i], NULL);
        check_refused(line);
    }
}

static void test_good_weights(void)
{
    const struct {
        const char *text;
        double weight;
    } good[] = {{"0", 0}, {"1", 1}, {"0.5", 0.5}, {".5", 0.5}, {"10000", 10000}, {"007", 7}};
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        g_auto(instance) host = {0};
        g_autofree char *line = g_strconcat(ADDRESS " weight=", good[i].text, NULL);
        g_assert_true(parse(line, &host));
        g_assert_cmpfloat(host.weight, ==, good[i].weight);
    }
}

static void test_locale_means_nothing(void)
{
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL) {
        g_test_skip("no locale with a decimal comma");
        return;
    }
    g_autofree char *line = parsed_line(ADDRESS " weight=2.5");
    setlocale(LC_NUMERIC, "C");
    g_assert_true(g_str_has_prefix(line, ADDRESS " weight=2.5 "));
}

static void test_refused(void)
{
    const char *bad[] = {
        "",
        "weight=1",
        ADDRESS "\r",
        ADDRESS " weight=1\r",
        ADDRESS " wieght=1",
        ADDRESS " Weight=1",
        ADDRESS " weight",
        ADDRESS " =1",
        ADDRESS " ip=1.1.1.1&x=y",
        ADDRESS " weight=1 weight=1",
        ADDRESS " meta.a=1 meta.a=2",
        ADDRESS " meta.a=1 meta.\\141=2",
        ADDRESS " meta.=1",
        ADDRESS " meta=1",
        ADDRESS " -meta.a",
        ADDRESS " metadata={}",
        ADDRESS " healthy=TRUE",
        ADDRESS " enabled=1",
        ADDRESS " ephemeral=",
        ADDRESS " cluster=",
        ADDRESS " cluster=a_b",
        ADDRESS " cluster=a,b",
        ADDRESS " meta.a=\\",
        ADDRESS " meta.a=\\04",
        ADDRESS " meta.a=\\000",
        ADDRESS " meta.a=\\400",
        ADDRESS " meta.a=\\08x",
        ADDRESS " meta.a=\\n",
        ADDRESS " meta.\\a=1",
        ADDRESS " meta.a=\\377",
        ADDRESS " meta.a=\xff",
        ADDRESS " meta.a=\x01",
        ADDRESS " meta.a=\x7f",
        ADDRESS " junk",
        "{\"ip\":\"10.0.0.1\"}",
        " {\"ip\":\"10.0.0.1\"}",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        check_refused(bad[i]);
}

static void test_nul_byte_is_refused(void)
{
    static const char line[] = ADDRESS " meta.a=\0b";
    g_auto(instance) host = {0};
    g_autofree char *why = NULL;
    g_assert_false(parse_instance(line, sizeof(line) - 1, NULL, &host, &why));
}

static void test_json(void)
{
    check_line("{\"ip\":\"10.0.0.1\",\"port\":8080}",
               ADDRESS " weight=1 healthy=true enabled=true ephemeral=true cluster=DEFAULT\n");
    check_line(" {\"ip\":\"::0:1\",\"port\":80,\"weight\":2.5,\"healthy\":false,\"enabled\":false,"
               "\"ephemeral\":false,\"clusterName\":\"hz\",\"metadata\":{\"b\":\"x y\",\"a\":1}}",
               "[::1]:80 weight=2.5 healthy=false enabled=false ephemeral=false cluster=hz "
               "meta.a=1 meta.b=x\\040y\n");
}

/* A host of instances.json can be written as it is. */
static void test_json_of_a_list(void)
{
    check_line("{\"instanceId\":\"10.0.0.1#8080#DEFAULT#DEFAULT_GROUP@@a\",\"ip\":\"10.0.0.1\","
               "\"port\":8080,\"weight\":1.0,\"healthy\":true,\"enabled\":true,"
               "\"ephemeral\":true,\"clusterName\":\"DEFAULT\",\"serviceName\":"
               "\"DEFAULT_GROUP@@a\",\"metadata\":{}}",
               ADDRESS " weight=1 healthy=true enabled=true ephemeral=true cluster=DEFAULT\n");
}

static void test_bad_json(void)
{
    static const char *const bad[] = {
        "{}",
        "{",
        "{\"ip\":\"10.0.0.1\"}",
        "{\"port\":80}",
        "{\"ip\":\"10.0.0.1\",\"port\":80} x",
        "{\"ip\":\"10.0.0.1\",\"port\":80,\"port\":81}",
        "{\"ip\":\"10.0.0.1\",\"port\":80,\"colour\":1}",
        "{\"ip\":\"10.0.0.1\",\"port\":\"80\"}",
        "{\"ip\":\"10.0.0.1\",\"port\":65536}",
        "{\"ip\":\"10.0.0.1/x\",\"port\":80}",
        "{\"ip\":\"10.0.0.256\",\"port\":80}",
        "{\"ip\":\"10.0.0.1\",\"port\":80,\"weight\":-1}",
        "{\"ip\":\"10.0.0.1\",\"port\":80,\"weight\":1e9}",
        "{\"ip\":\"10.0.0.1\",\"port\":80,\"healthy\":\"true\"}",
        "{\"ip\":\"10.0.0.1\",\"port\":80,\"clusterName\":\"a b\"}",
        "{\"ip\":\"10.0.0.1\",\"port\":80,\"metadata\":{\"a\":{}}}",
        "{\"ip\":\"10.0.0.1\",\"port\":80,\"metadata\":{\"\":\"x\"}}",
        "{\"ip\":\"10.0.0.1\",\"port\":80,\"metadata\":[]}",
        "[{\"ip\":\"10.0.0.1\",\"port\":80}]",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        check_refused(bad[i]);
}

static void test_json_target(void)
{
    static const char *const lines[] = {"{\"ip\":\"10.0.0.1\",\"port\":80}",
                                        "{\"ip\":\"10.0.0.1\",\"port\":80,\"clusterName\":\"hz\"}"};
    for (int i = 0; i < 2; i++) {
        g_auto(instance) target = {0};
        g_autofree char *why = NULL;
        gboolean has_cluster;
        g_assert_true(parse_target(lines[i], strlen(lines[i]), NULL, &target, &has_cluster, &why));
        g_assert_cmpint(has_cluster, ==, i == 1);
        g_assert_cmpstr(target.cluster_name, ==, i ? "hz" : "DEFAULT");
    }
}

static void test_blank_lines(void)
{
    const char *blank[] = {"", " ", "\t ", "#", "# x", "#\r"};
    const char *other[] = {"\r", " #", "a", " a", "\f"};
    for (gsize i = 0; i < G_N_ELEMENTS(blank); i++)
        g_assert_true(parse_is_blank(blank[i], strlen(blank[i])));
    for (gsize i = 0; i < G_N_ELEMENTS(other); i++)
        g_assert_false(parse_is_blank(other[i], strlen(other[i])));
}

static gboolean target(const char *line, struct instance *to, gboolean *has_cluster)
{
    g_autofree char *why = NULL;
    return parse_target(line, strlen(line), NULL, to, has_cluster, &why);
}

static void test_target_takes_a_whole_line(void)
{
    gboolean has_cluster = FALSE;
    g_auto(instance) host = {0};
    g_assert_true(target(ADDRESS " weight=7 cluster=hz meta.a=1", &host, &has_cluster));
    g_assert_true(has_cluster);
    g_assert_cmpstr(host.ip, ==, "10.0.0.1");
    g_assert_cmpstr(host.cluster_name, ==, "hz");
    g_assert_cmpfloat(host.weight, ==, 1);
    g_assert_null(host.metadata);
}

static void test_target_without_cluster(void)
{
    gboolean has_cluster = TRUE;
    g_auto(instance) host = {0};
    g_assert_true(target(ADDRESS, &host, &has_cluster));
    g_assert_false(has_cluster);
    g_assert_cmpstr(host.cluster_name, ==, "DEFAULT");
}

static void test_target_refuses_the_unknown(void)
{
    gboolean has_cluster;
    g_auto(instance) host = {0};
    g_assert_false(target(ADDRESS " junk=1", &host, &has_cluster));
    g_assert_false(target(ADDRESS " weight=-1", &host, &has_cluster));
}

static gboolean merge(const char *line, struct instance *to)
{
    g_autofree char *why = NULL;
    gboolean ok = parse_attributes(line, strlen(line), to, &why);
    g_assert_true(ok == (why == NULL));
    return ok;
}

static void test_attributes_merge(void)
{
    g_auto(instance) host = {0};
    g_assert_true(parse(ADDRESS " weight=7 cluster=hz meta.a=1 meta.b=2", &host));
    g_assert_true(merge("enabled=false meta.a=3 -meta.b meta.c=4 cluster=hz -meta.none", &host));
    g_autoptr(GString) out = g_string_new(NULL);
    render_line(out, &host);
    g_assert_cmpstr(out->str, ==,
                    ADDRESS " weight=7 healthy=true enabled=false ephemeral=true cluster=hz "
                            "meta.a=3 meta.c=4\n");
}

static void test_bad_attributes_change_nothing(void)
{
    const char *bad[] = {"weight=2 junk=1",  "weight=2 cluster=other", "weight=2 10.0.0.1:8080",
                         "weight=2 -meta.=", "weight=2 -meta.a=1",     "-meta.a meta.a=1",
                         "-weight",          "weight=2 meta.a=9 {",    "{\"weight\":2}"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_auto(instance) host = {0};
        g_auto(instance) before;
        g_assert_true(parse(ADDRESS " weight=7 cluster=hz meta.a=1", &host));
        instance_copy(&before, &host);
        g_assert_false(merge(bad[i], &host));
        g_assert_true(instance_equal(&host, &before));
    }
}

static char *random_text(const char *alphabet, gsize n, int most)
{
    int length = g_test_rand_int_range(0, most);
    char *text = g_malloc((gsize)length + 1);
    for (int i = 0; i < length; i++)
        text[i] = alphabet[g_test_rand_int_range(0, (gint32)n)];
    text[length] = '\0';
    return text;
}

/* What render_line writes is what parse_instance reads, for any metadata. */
static void test_random_instances_round_trip(void)
{
    static const char alphabet[] = "ab =\\\n\t\r.0#{\x01\x7f";
    for (int i = 0; i < 5000; i++) {
        g_auto(instance) host = {0};
        instance_init(&host);
        host.ip = g_strdup("::1");
        host.port = 80;
        host.weight = g_test_rand_double_range(0, g_test_rand_bit() ? 10000 : 0.001);
        for (int n = 0; n < 4; n++) {
            g_autofree char *key = random_text(alphabet, sizeof(alphabet) - 1, 6);
            g_autofree char *value = random_text(alphabet, sizeof(alphabet) - 1, 9);
            if (*key != '\0')
                instance_set_metadata(&host, key, value);
        }
        g_autoptr(GString) line = g_string_new(NULL);
        render_line(line, &host);
        g_string_truncate(line, line->len - 1);
        g_auto(instance) again = {0};
        g_assert_true(parse(line->str, &again));
        g_assert_true(instance_equal(&host, &again));
    }
}

static void test_random_lines_do_no_harm(void)
{
    static const char alphabet[] = "10.:[]=\\ \tmeta-weight#{}\xc3\xa9\xff\r";
    for (int i = 0; i < 20000; i++) {
        g_autofree char *tail = random_text(alphabet, sizeof(alphabet) - 1, 40);
        g_autofree char *line = g_strconcat(g_test_rand_bit() ? ADDRESS " meta.a" : "", tail, NULL);
        g_auto(instance) host = {0};
        if (parse(line, &host))
            g_assert_true(host.port > 0 && *host.ip != '\0');
    }
}

static void test_longest_line_is_quick(void)
{
    g_autoptr(GString) line = g_string_new(ADDRESS);
    for (int i = 0; line->len < PARSE_MAX_LINE - 20; i++)
        g_string_append_printf(line, " meta.%x=", i);
    g_auto(instance) host = {0};
    gint64 start = g_get_monotonic_time();
    g_assert_true(parse(line->str, &host));
    g_test_message("%" G_GINT64_FORMAT " us", g_get_monotonic_time() - start);
    g_assert_cmpint(g_get_monotonic_time() - start, <, G_USEC_PER_SEC);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/parse/defaults", test_defaults);
    g_test_add_func("/parse/all", test_all_attributes);
    g_test_add_func("/parse/own", test_own_address);
    g_test_add_func("/parse/blanks", test_blanks_between_fields);
    g_test_add_func("/parse/sorted", test_metadata_is_sorted);
    g_test_add_func("/parse/escaped", test_escaped_bytes_are_taken);
    g_test_add_func("/parse/bad-weights", test_bad_weights);
    g_test_add_func("/parse/good-weights", test_good_weights);
    g_test_add_func("/parse/locale", test_locale_means_nothing);
    g_test_add_func("/parse/refused", test_refused);
    g_test_add_func("/parse/nul", test_nul_byte_is_refused);
    g_test_add_func("/parse/json", test_json);
    g_test_add_func("/parse/json-of-a-list", test_json_of_a_list);
    g_test_add_func("/parse/bad-json", test_bad_json);
    g_test_add_func("/parse/json-target", test_json_target);
    g_test_add_func("/parse/blank", test_blank_lines);
    g_test_add_func("/parse/target", test_target_takes_a_whole_line);
    g_test_add_func("/parse/target-cluster", test_target_without_cluster);
    g_test_add_func("/parse/target-refused", test_target_refuses_the_unknown);
    g_test_add_func("/parse/merge", test_attributes_merge);
    g_test_add_func("/parse/merge-refused", test_bad_attributes_change_nothing);
    g_test_add_func("/parse/round-trip", test_random_instances_round_trip);
    g_test_add_func("/parse/random", test_random_lines_do_no_harm);
    g_test_add_func("/parse/longest", test_longest_line_is_quick);
    return g_test_run();
}
