/* SPDX-License-Identifier: MIT */
#include "naming/codec.h"

#include <string.h>

static struct service_info *decode(const char *text, guint *dropped)
{
    g_autoptr(service_key) key = service_key_new("G", "s");
    return codec_service_info(text, strlen(text), key, dropped, NULL);
}

/* The fields around one host. */
static struct service_info *decode_host(const char *host, guint *dropped)
{
    g_autofree char *text = g_strdup_printf("{\"name\":\"G@@s\",\"hosts\":[%s]}", host);
    return decode(text, dropped);
}

static void test_reply_of_2x(void)
{
    guint dropped;
    g_autoptr(service_info) info =
        decode("{\"name\":\"G@@s\",\"groupName\":\"G\",\"clusters\":\"a,b\",\"cacheMillis\":10000,"
               "\"hosts\":[{\"instanceId\":\"x\",\"ip\":\"10.0.0.1\",\"port\":80,\"weight\":2.5,"
               "\"healthy\":false,\"enabled\":true,\"ephemeral\":false,\"clusterName\":\"c\","
               "\"serviceName\":\"G@@s\",\"metadata\":{\"b\":\"2\",\"a\":\"1\"},"
               "\"ipDeleteTimeout\":30000}],\"lastRefTime\":1795354458858,\"checksum\":\"\","
               "\"allIPs\":false,\"valid\":true}",
               &dropped);
    g_assert_nonnull(info);
    g_assert_cmpuint(dropped, ==, 0);
    g_assert_cmpstr(info->key.group, ==, "G");
    g_assert_cmpstr(info->key.name, ==, "s");
    g_assert_cmpstr(info->clusters, ==, "a,b");
    g_assert_cmpint(info->cache_millis, ==, 10000);
    g_assert_cmpint(info->last_ref_time, ==, 1795354458858);
    g_assert_cmpuint(info->n_hosts, ==, 1);
    const struct instance *host = &info->hosts[0];
    g_assert_cmpstr(host->ip, ==, "10.0.0.1");
    g_assert_cmpuint(host->port, ==, 80);
    g_assert_cmpfloat(host->weight, ==, 2.5);
    g_assert_false(host->healthy);
    g_assert_true(host->enabled);
    g_assert_false(host->ephemeral);
    g_assert_cmpstr(host->cluster_name, ==, "c");
    g_autofree char *metadata = g_strjoinv(" ", host->metadata);
    g_assert_cmpstr(metadata, ==, "a 1 b 2");
}

static void test_unknown_service_of_14(void)
{
    g_autoptr(service_info) info =
        decode("{\"name\":\"G@@s\",\"clusters\":\"\",\"cacheMillis\":3000,\"hosts\":[]}", NULL);
    g_assert_nonnull(info);
    g_assert_cmpint(info->last_ref_time, ==, 0);
    g_assert_cmpuint(info->n_hosts, ==, 0);
}

static void test_host_defaults(void)
{
    g_autoptr(service_info) info = decode_host("{\"ip\":\"h\",\"port\":1}", NULL);
    g_assert_cmpuint(info->n_hosts, ==, 1);
    const struct instance *host = &info->hosts[0];
    g_assert_cmpfloat(host->weight, ==, 1);
    g_assert_true(host->healthy && host->enabled && host->ephemeral);
    g_assert_cmpstr(host->cluster_name, ==, "DEFAULT");
    g_assert_null(host->metadata);
}

static void test_valid_stands_in_for_healthy(void)
{
    g_autoptr(service_info) old = decode_host("{\"ip\":\"h\",\"port\":1,\"valid\":false}", NULL);
    g_assert_false(old->hosts[0].healthy);
    g_autoptr(service_info) both =
        decode_host("{\"ip\":\"h\",\"port\":1,\"healthy\":true,\"valid\":false}", NULL);
    g_assert_true(both->hosts[0].healthy);
}

static void test_metadata_scalars_become_text(void)
{
    g_autoptr(service_info) info = decode_host(
        "{\"ip\":\"h\",\"port\":1,\"metadata\":{\"i\":1,\"b\":true,\"n\":null,\"d\":1.5}}", NULL);
    g_autofree char *metadata = g_strjoinv(" ", info->hosts[0].metadata);
    g_assert_cmpstr(metadata, ==, "b true d 1.5 i 1");
}

static void test_names_of_the_service(void)
{
    static const char *const good[] = {
        "{\"name\":\"G@@s\",\"hosts\":[]}",
        "{\"name\":\"s\",\"hosts\":[]}",
        "{\"name\":\"s\",\"groupName\":\"G\",\"hosts\":[]}",
        "{\"name\":\"G@@s\",\"groupName\":\"G\",\"dom\":\"s\",\"hosts\":[]}",
    };
    static const char *const foreign[] = {
        "{\"name\":\"G@@t\",\"hosts\":[]}",
        "{\"name\":\"H@@s\",\"hosts\":[]}",
        "{\"name\":\"t\",\"hosts\":[]}",
        "{\"name\":\"s\",\"groupName\":\"H\",\"hosts\":[]}",
        "{\"name\":\"G@@s\",\"groupName\":\"H\",\"hosts\":[]}",
    };
    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(service_info) info = decode(good[i], NULL);
        g_assert_nonnull(info);
    }
    for (guint i = 0; i < G_N_ELEMENTS(foreign); i++)
        g_assert_null(decode(foreign[i], NULL));
}

static void test_name_taken_from_the_text(void)
{
    static const char *const cases[][3] = {
        {"{\"name\":\"H@@t\",\"hosts\":[]}", "H", "t"},
        {"{\"name\":\"t\",\"groupName\":\"H\",\"hosts\":[]}", "H", "t"},
        {"{\"name\":\"t\",\"hosts\":[]}", "DEFAULT_GROUP", "t"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(service_info) info =
            codec_service_info(cases[i][0], strlen(cases[i][0]), NULL, NULL, NULL);
        g_assert_cmpstr(info->key.group, ==, cases[i][1]);
        g_assert_cmpstr(info->key.name, ==, cases[i][2]);
    }
}

/* None of these is a list, so nothing of it may be used. */
static const char *const refused[] = {
    "",
    " ",
    "<html><body>Sign in</body></html>",
    "[]",
    "null",
    "1",
    "\"G@@s\"",
    "ok",
    "{}",
    "{\"name\":\"G@@s\"}",
    "{\"hosts\":[]}",
    "{\"dom\":\"G@@s\",\"hosts\":[]}",
    "{\"name\":null,\"hosts\":[]}",
    "{\"name\":5,\"hosts\":[]}",
    "{\"name\":\"\",\"hosts\":[]}",
    "{\"name\":\"@@s\",\"hosts\":[]}",
    "{\"name\":\"G@@\",\"hosts\":[]}",
    "{\"name\":\"G@@s\\u0000\",\"hosts\":[]}",
    "{\"name\":\"G@@s\",\"hosts\":null}",
    "{\"name\":\"G@@s\",\"hosts\":{}}",
    "{\"name\":\"G@@s\",\"hosts\":\"x\"}",
    "{\"name\":\"G@@s\",\"hosts\":[]} x",
    "{\"name\":\"G@@s\",\"hosts\":[]}{}",
    "{\"name\":\"G@@s\",\"hosts\":[],}",
    "{\"name\":\"G@@s\",\"hosts\":[{}",
    "{\"name\":\"G@@s\",\"hosts\":[],\"hosts\":[]}",
    "{\"name\":\"G@@s\",\"hosts\":[],\"n\\u0061me\":\"G@@s\"}",
    "{\"name\":\"G@@s\",\"hosts\":[{\"ip\":\"h\",\"port\":1,\"port\":2}]}",
    "{'name':\"G@@s\",\"hosts\":[]}",
    "{\"name\":\"G@@s\",/**/\"hosts\":[]}",
    "{\"name\":\"G@@s\",\"hosts\":[{\"ip\":\"h\",\"port\":1,\"weight\":NaN}]}",
    "{\"name\":\"G@@s\",\"hosts\":[{\"ip\":\"h\",\"port\":1,\"weight\":Infinity}]}",
    "{\"name\":\"G@@s\",\"hosts\":[],\"lastRefTime\":\"5\"}",
    "{\"name\":\"G@@s\",\"hosts\":[],\"lastRefTime\":-5}",
    "{\"name\":\"G@@s\",\"hosts\":[],\"lastRefTime\":1e999}",
    "{\"name\":\"G@@s\",\"hosts\":[],\"cacheMillis\":[]}",
    "{\"name\":\"G@@s\",\"hosts\":[],\"clusters\":7}",
    "{\"name\":\"G@@s\",\"groupName\":7,\"hosts\":[]}",
    "{\"name\":\"G@@s\",\"hosts\":[{\"ip\":\"\xff\xfe\",\"port\":1}]}",
    "{\"name\":\"G@@s\",\"hosts\":[],\"x\":\"\xc3\"}",
};

static void test_all_ips(void)
{
    static const struct {
        const char *field;
        gboolean all_ips;
    } rows[] = {{"", FALSE},
                {",\"allIPs\":true", TRUE},
                {",\"allIps\":true", TRUE},
                {",\"allIPs\":false", FALSE},
                {",\"allIPs\":\"true\"", FALSE}};

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text =
            g_strdup_printf("{\"name\":\"G@@s\",\"hosts\":[]%s}", rows[i].field);
        g_autoptr(service_info) info = codec_service_info(text, strlen(text), NULL, NULL, NULL);

        g_assert_nonnull(info);
        g_assert_cmpint(info->all_ips, ==, rows[i].all_ips);
    }
}

static void test_refused(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autofree char *why = NULL;
        g_autoptr(service_key) key = service_key_new("G", "s");
        g_test_message("refused %u", i);
        g_assert_null(codec_service_info(refused[i], strlen(refused[i]), key, NULL, &why));
        g_assert_nonnull(why);
        g_assert_null(strchr(why, '\n'));
    }
}

static void test_depth(void)
{
    GString *text = g_string_new("{\"name\":\"G@@s\",\"hosts\":");
    for (guint i = 0; i < 1000000; i++)
        g_string_append_c(text, '[');
    g_assert_null(decode(text->str, NULL));
    g_string_free(text, TRUE);
}

static void test_truncated_anywhere(void)
{
    const char *text = "{\"name\":\"G@@s\",\"hosts\":[{\"ip\":\"h\",\"port\":1,\"weight\":1.0,"
                       "\"metadata\":{\"k\":\"\\u00e9\xc3\xa9\"}}]}";
    g_autoptr(service_key) key = service_key_new("G", "s");
    for (gsize length = 0; length < strlen(text); length++)
        g_assert_null(codec_service_info(text, length, key, NULL, NULL));
    g_autoptr(service_info) whole = codec_service_info(text, strlen(text), key, NULL, NULL);
    g_assert_nonnull(whole);
}

/* Each stands between two good hosts, which must stay. */
static const char *const senseless_hosts[] = {
    "null",
    "7",
    "[]",
    "{}",
    "{\"ip\":\"h\"}",
    "{\"port\":1}",
    "{\"ip\":\"\",\"port\":1}",
    "{\"ip\":7,\"port\":1}",
    "{\"ip\":\"h\\u0000x\",\"port\":1}",
    "{\"ip\":\"h\",\"port\":0}",
    "{\"ip\":\"h\",\"port\":-1}",
    "{\"ip\":\"h\",\"port\":99999}",
    "{\"ip\":\"h\",\"port\":70000}",
    "{\"ip\":\"h\",\"port\":1.5}",
    "{\"ip\":\"h\",\"port\":\"80\"}",
    "{\"ip\":\"h\",\"port\":99999999999999999999999}",
    "{\"ip\":\"h\",\"port\":1,\"weight\":1e999}",
    "{\"ip\":\"h\",\"port\":1,\"weight\":-0.5}",
    "{\"ip\":\"h\",\"port\":1,\"weight\":10000.5}",
    "{\"ip\":\"h\",\"port\":1,\"weight\":\"1\"}",
    "{\"ip\":\"h\",\"port\":1,\"healthy\":\"true\"}",
    "{\"ip\":\"h\",\"port\":1,\"healthy\":1}",
    "{\"ip\":\"h\",\"port\":1,\"enabled\":0}",
    "{\"ip\":\"h\",\"port\":1,\"ephemeral\":\"no\"}",
    "{\"ip\":\"h\",\"port\":1,\"clusterName\":5}",
    "{\"ip\":\"h\",\"port\":1,\"metadata\":[]}",
    "{\"ip\":\"h\",\"port\":1,\"metadata\":\"k=v\"}",
    "{\"ip\":\"h\",\"port\":1,\"metadata\":{\"k\":{}}}",
    "{\"ip\":\"h\",\"port\":1,\"metadata\":{\"k\":[1]}}",
    "{\"ip\":\"h\",\"port\":1,\"metadata\":{\"k\":\"a\\u0000b\"}}",
};

static void test_senseless_hosts_are_left_out(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(senseless_hosts); i++) {
        guint dropped;
        g_autofree char *hosts =
            g_strdup_printf("{\"ip\":\"10.0.0.1\",\"port\":1},%s,{\"ip\":\"10.0.0.2\",\"port\":1}",
                            senseless_hosts[i]);
        g_test_message("%s", senseless_hosts[i]);
        g_autoptr(service_info) info = decode_host(hosts, &dropped);
        g_assert_nonnull(info);
        g_assert_cmpuint(info->n_hosts, ==, 2);
        g_assert_cmpuint(dropped, ==, 1);
    }
}

static void test_cache_millis_is_bounded(void)
{
    static const struct {
        const char *text;
        gint64 expected;
    } cases[] = {
        {"{\"name\":\"s\",\"hosts\":[]}", 1000},
        {"{\"name\":\"s\",\"hosts\":[],\"cacheMillis\":0}", 1000},
        {"{\"name\":\"s\",\"hosts\":[],\"cacheMillis\":-7}", 1000},
        {"{\"name\":\"s\",\"hosts\":[],\"cacheMillis\":3000}", 3000},
        {"{\"name\":\"s\",\"hosts\":[],\"cacheMillis\":9223372036854775807}", 3600000},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(service_info) info = decode(cases[i].text, NULL);
        g_assert_cmpint(info->cache_millis, ==, cases[i].expected);
    }
}

static void test_beat_reply(void)
{
    static const struct {
        const char *text;
        struct beat_reply expected;
    } cases[] = {
        {"{\"clientBeatInterval\":5000,\"code\":10200,\"lightBeatEnabled\":true}",
         {10200, 5000, TRUE}},
        {"{\"clientBeatInterval\":5000,\"code\":20404}", {20404, 5000, FALSE}},
        {"{}", {10200, 0, FALSE}},
        {"{\"clientBeatInterval\":-1}", {10200, 0, FALSE}},
        {"{\"clientBeatInterval\":99999999999}", {10200, 0, FALSE}},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct beat_reply reply;
        g_assert_true(codec_beat_reply(cases[i].text, strlen(cases[i].text), &reply, NULL));
        g_assert_cmpint(reply.code, ==, cases[i].expected.code);
        g_assert_cmpint(reply.interval_ms, ==, cases[i].expected.interval_ms);
        g_assert_cmpint(reply.light, ==, cases[i].expected.light);
    }
}

static void test_beat_reply_refused(void)
{
    static const char *const cases[] = {"ok",
                                        "[]",
                                        "",
                                        "{\"code\":\"10200\"}",
                                        "{\"clientBeatInterval\":\"5000\"}",
                                        "{\"lightBeatEnabled\":1}"};
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct beat_reply reply;
        g_autofree char *why = NULL;
        g_assert_false(codec_beat_reply(cases[i], strlen(cases[i]), &reply, &why));
        g_assert_nonnull(why);
    }
}

static void test_service_list(void)
{
    /* a name of no use, whoever registered it, hides no other */
    const char *text = "{\"count\":7,\"doms\":[\"a\",\"x\\u0000y\",\"\",\"b\"]}";
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    struct page_size size;
    g_assert_true(codec_service_list(text, strlen(text), names, &size, NULL));
    g_assert_cmpuint(size.count, ==, 7);
    g_assert_cmpuint(size.rows, ==, 4);
    g_assert_cmpuint(names->len, ==, 2);
    g_assert_cmpstr(names->pdata[1], ==, "b");
}

static void test_service_list_refused(void)
{
    static const char *const cases[] = {"[]",
                                        "{\"count\":1}",
                                        "{\"doms\":[]}",
                                        "{\"count\":\"1\",\"doms\":[]}",
                                        "{\"count\":1,\"doms\":[\"a\",5]}",
                                        "{\"count\":-1,\"doms\":[]}",
                                        "{\"count\":1,\"doms\":\"a\"}"};
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
        g_autofree char *why = NULL;
        struct page_size size;
        g_assert_false(codec_service_list(cases[i], strlen(cases[i]), names, &size, &why));
        g_assert_cmpuint(names->len, ==, 0);
        g_assert_nonnull(why);
    }
}

static void test_catalog_groups(void)
{
    const char *text =
        "{\"serviceList\":[{\"name\":\"a\",\"groupName\":\"G\",\"triggerFlag\":"
        "\"false\"},{\"groupName\":\"\\u0000\"},{\"name\":\"b\",\"groupName\":\"H\"}],"
        "\"count\":9}";
    const char *bad = "{\"serviceList\":[{\"name\":\"a\",\"groupName\":\"G\"},{}],\"count\":2}";
    g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func(g_free);
    struct page_size size;
    g_assert_true(codec_catalog_groups(text, strlen(text), groups, &size, NULL));
    g_assert_cmpuint(size.rows, ==, 3);
    g_assert_cmpuint(size.count, ==, 9);
    g_assert_cmpstr(groups->pdata[0], ==, "G");
    g_assert_cmpstr(groups->pdata[1], ==, "H");
    g_assert_false(codec_catalog_groups(bad, strlen(bad), groups, &size, NULL));
    g_assert_cmpuint(groups->len, ==, 2);
}

static void test_server_is_up(void)
{
    g_assert_true(codec_server_is_up("{\"status\":\"UP\"}", 15));
    g_assert_false(codec_server_is_up("{\"status\":\"DOWN\"}", 17));
    g_assert_false(codec_server_is_up("UP", 2));
}

static void test_beat_info(void)
{
    g_autoptr(service_key) key = service_key_new("G", "s");
    g_auto(instance) i;
    instance_init(&i);
    i.ip = g_strdup("1.2.3.4");
    i.port = 8080;
    i.weight = 0.1;
    instance_set_metadata(&i, "k", "v \"w\"/\n");
    g_autofree char *text = codec_beat_info(key, &i, 5000);
    g_assert_cmpstr(text, ==,
                    "{\"port\":8080,\"ip\":\"1.2.3.4\",\"weight\":0.1,\"serviceName\":\"G@@s\","
                    "\"cluster\":\"DEFAULT\",\"metadata\":{\"k\":\"v \\\"w\\\"/\\n\"},"
                    "\"scheduled\":false,\"period\":5000,\"stopped\":false}");
}

static void test_metadata(void)
{
    char *pairs[] = {"a", "1", "b", "\xc3\xa9", NULL};
    g_autofree char *some = codec_metadata(pairs);
    g_autofree char *none = codec_metadata(NULL);
    g_assert_cmpstr(some, ==, "{\"a\":\"1\",\"b\":\"\xc3\xa9\"}");
    g_assert_cmpstr(none, ==, "{}");
}

static void test_weight(void)
{
    static const struct {
        double weight;
        const char *text;
    } cases[] = {{1, "1.0"},     {0, "0.0"},   {10000, "10000.0"},
                 {2.5, "2.5"},   {0.1, "0.1"}, {1.0 / 3, "0.3333333333333333"},
                 {1e-7, "1e-07"}};
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = codec_weight(cases[i].weight);
        g_assert_cmpstr(text, ==, cases[i].text);
    }
}

static void test_to_json(void)
{
    g_autoptr(service_info) info = decode(
        "{\"name\":\"G@@s\",\"cacheMillis\":10000,\"lastRefTime\":5,\"hosts\":["
        "{\"ip\":\"10.0.0.2\",\"port\":80},{\"ip\":\"10.0.0.1\",\"port\":80,\"metadata\":{\"k\":"
        "\"v\"}}]}",
        NULL);
    g_autofree char *text = service_info_to_json(info);
    g_assert_cmpstr(
        text, ==,
        "{\"name\":\"G@@s\",\"groupName\":\"G\",\"clusters\":\"\",\"cacheMillis\":10000,\"hosts\":["
        "{\"instanceId\":\"10.0.0.1#80#DEFAULT#G@@s\",\"ip\":\"10.0.0.1\",\"port\":80,"
        "\"weight\":1.0,\"healthy\":true,\"enabled\":true,\"ephemeral\":true,"
        "\"clusterName\":\"DEFAULT\",\"serviceName\":\"G@@s\",\"metadata\":{\"k\":\"v\"}},"
        "{\"instanceId\":\"10.0.0.2#80#DEFAULT#G@@s\",\"ip\":\"10.0.0.2\",\"port\":80,"
        "\"weight\":1.0,\"healthy\":true,\"enabled\":true,\"ephemeral\":true,"
        "\"clusterName\":\"DEFAULT\",\"serviceName\":\"G@@s\",\"metadata\":{}}],"
        "\"lastRefTime\":5}\n");
}

static void test_push_packet(void)
{
    const char *text = "{\"type\":\"dom\",\"data\":\"{\\\"name\\\":\\\"G@@s\\\"}\","
                       "\"lastRefTime\":1362867988661}";
    struct push_packet packet;
    g_assert_true(codec_push_packet(text, strlen(text), &packet, NULL));
    g_assert_cmpstr(packet.type, ==, "dom");
    g_assert_cmpstr(packet.data, ==, "{\"name\":\"G@@s\"}");
    g_assert_cmpstr(packet.last_ref_time, ==, "1362867988661");
    g_autofree char *ack = codec_push_ack("push-ack", packet.last_ref_time);
    g_assert_cmpstr(ack, ==,
                    "{\"type\": \"push-ack\", \"lastRefTime\":\"1362867988661\", \"data\":\"\"}");
    push_packet_clear(&packet);
}

static void test_push_ref_times(void)
{
    static const char *const good[][2] = {
        {"-5", "-5"}, {"\"17\"", "17"}, {"9223372036854775807", "9223372036854775807"}};
    static const char *const bad[] = {
        "\"\"", "\"1x\"", "1.5", "{}", "true", "\"-\"", "\"123456789012345678901\""};
    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autofree char *text =
            g_strdup_printf("{\"type\":\"dom\",\"lastRefTime\":%s}", good[i][0]);
        struct push_packet packet;
        g_assert_true(codec_push_packet(text, strlen(text), &packet, NULL));
        g_assert_cmpstr(packet.last_ref_time, ==, good[i][1]);
        g_assert_null(packet.data);
        push_packet_clear(&packet);
    }
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *text = g_strdup_printf("{\"type\":\"dom\",\"lastRefTime\":%s}", bad[i]);
        struct push_packet packet;
        g_assert_false(codec_push_packet(text, strlen(text), &packet, NULL));
        push_packet_clear(&packet);
    }
}

static char *capture_path(const char *server, const char *file)
{
    const char *captures = g_getenv("CAPTURES");
    return g_build_filename(captures != NULL ? captures : "tests/captures", server, file, NULL);
}

/* What real servers pushed: the outer packet and the list inside. */
static void test_recorded_pushes(void)
{
    static const char *const files[][2] = {
        {"nacos-1.4.8", "push-1.json"}, {"nacos-1.4.8", "push-8.json"},
        {"nacos-2.5.1", "push-1.json"}, {"nacos-2.5.1", "push-5.json"},
        {"nacos-3.0.3", "push-1.json"}, {"nacos-3.0.3", "push-4.json"}};
    g_autoptr(service_key) key = service_key_new("DEFAULT_GROUP", "order-svc");
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = capture_path(files[i][0], files[i][1]), *text = NULL;
        gsize length;
        g_assert_true(g_file_get_contents(path, &text, &length, NULL));
        struct push_packet packet;
        guint dropped;
        g_assert_true(codec_push_packet(text, length, &packet, NULL));
        g_assert_cmpstr(packet.type, ==, "dom");
        g_autofree char *why = NULL;
        g_autoptr(service_info) info =
            codec_service_info(packet.data, strlen(packet.data), key, &dropped, &why);
        g_assert_cmpstr(why, ==, NULL);
        g_assert_cmpint(info->last_ref_time, >, 0);
        push_packet_clear(&packet);
    }
}

/* The body of the recorded exchange `label`, found without a JSON parser: it is the last string of
 * its line and itself JSON text, escaped once. */
static char *recorded_body(const char *server, const char *label)
{
    g_autofree char *path = capture_path(server, "http.jsonl"), *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_autofree char *needle = g_strdup_printf("\"label\": \"%s\"", label);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        const char *body = strstr(lines[i], needle) != NULL ? strstr(lines[i], "\"body\": ") : NULL;
        if (body == NULL)
            continue;
        g_autofree char *packet = g_strdup_printf("{\"type\":\"x\",\"data\":%s", body + 8);
        struct push_packet unpacked;
        g_assert_true(codec_push_packet(packet, strlen(packet), &unpacked, NULL));
        char *plain = g_steal_pointer(&unpacked.data);
        push_packet_clear(&unpacked);
        return plain;
    }
    g_error("%s: no %s", path, label);
}

static void test_recorded_lists(void)
{
    static const struct {
        const char *server;
        guint n_hosts;
    } cases[] = {
        {"nacos-1.4.8", 2},
        {"nacos-2.5.1", 2},
        {"nacos-3.0.3", 2},
        {"rnacos-0.8.8", 3}, /* its light beat of an unknown instance registers one */
    };
    g_autoptr(service_key) key = service_key_new("DEFAULT_GROUP", "order-svc");
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *body = recorded_body(cases[i].server, "list-two");
        g_autoptr(service_info) info = codec_service_info(body, strlen(body), key, NULL, NULL);
        g_assert_nonnull(info);
        g_assert_cmpuint(info->n_hosts, ==, cases[i].n_hosts);
        g_assert_cmpstr(info->hosts[0].ip, ==, "10.1.2.3");
        g_assert_cmpstr(instance_get_metadata(&info->hosts[0], "note"), ==,
                        "a b=c&d%, \"q\" \xc3\xa9\xe4\xb8\xad");
        g_assert_cmpfloat(info->hosts[1].weight, ==, 2.5);
    }
}

static void test_recorded_beats(void)
{
    static const char *const servers[] = {"nacos-1.4.8", "nacos-2.5.1", "nacos-3.0.3",
                                          "rnacos-0.8.8"};
    for (guint i = 0; i < G_N_ELEMENTS(servers); i++) {
        g_autofree char *body = recorded_body(servers[i], "beat-full");
        struct beat_reply reply;
        g_assert_true(codec_beat_reply(body, strlen(body), &reply, NULL));
        g_assert_cmpint(reply.code, ==, 10200);
    }
}

static void test_recorded_names(void)
{
    static const char *const servers[] = {"nacos-1.4.8", "nacos-2.5.1", "nacos-3.0.3",
                                          "rnacos-0.8.8"};
    for (guint i = 0; i < G_N_ELEMENTS(servers); i++) {
        g_autofree char *body = recorded_body(servers[i], "service-list");
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
        struct page_size size;
        g_assert_true(codec_service_list(body, strlen(body), names, &size, NULL));
        g_assert_cmpuint(size.count, ==, 1);
        g_assert_cmpstr(names->pdata[0], ==, "order-svc");
    }
}

static void test_recorded_catalogs(void)
{
    static const char *const servers[] = {"nacos-1.4.8", "nacos-2.5.1", "rnacos-0.8.8"};
    for (guint i = 0; i < G_N_ELEMENTS(servers); i++) {
        g_autofree char *body = recorded_body(servers[i], "catalog-services");
        g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func(g_free);
        struct page_size size;
        g_assert_true(codec_catalog_groups(body, strlen(body), groups, &size, NULL));
        g_assert_cmpstr(groups->pdata[0], ==, "DEFAULT_GROUP");
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/codec/all-ips", test_all_ips);
    g_test_add_func("/codec/service-info/2.x", test_reply_of_2x);
    g_test_add_func("/codec/service-info/unknown-1.4", test_unknown_service_of_14);
    g_test_add_func("/codec/service-info/host-defaults", test_host_defaults);
    g_test_add_func("/codec/service-info/valid", test_valid_stands_in_for_healthy);
    g_test_add_func("/codec/service-info/metadata", test_metadata_scalars_become_text);
    g_test_add_func("/codec/service-info/names", test_names_of_the_service);
    g_test_add_func("/codec/service-info/own-name", test_name_taken_from_the_text);
    g_test_add_func("/codec/service-info/refused", test_refused);
    g_test_add_func("/codec/service-info/depth", test_depth);
    g_test_add_func("/codec/service-info/truncated", test_truncated_anywhere);
    g_test_add_func("/codec/service-info/senseless-hosts", test_senseless_hosts_are_left_out);
    g_test_add_func("/codec/service-info/cache-millis", test_cache_millis_is_bounded);
    g_test_add_func("/codec/service-info/to-json", test_to_json);
    g_test_add_func("/codec/beat-reply/good", test_beat_reply);
    g_test_add_func("/codec/beat-reply/refused", test_beat_reply_refused);
    g_test_add_func("/codec/service-list/good", test_service_list);
    g_test_add_func("/codec/service-list/refused", test_service_list_refused);
    g_test_add_func("/codec/catalog-groups", test_catalog_groups);
    g_test_add_func("/codec/server-is-up", test_server_is_up);
    g_test_add_func("/codec/beat-info", test_beat_info);
    g_test_add_func("/codec/metadata", test_metadata);
    g_test_add_func("/codec/weight", test_weight);
    g_test_add_func("/codec/push/packet", test_push_packet);
    g_test_add_func("/codec/push/ref-times", test_push_ref_times);
    g_test_add_func("/codec/recorded/pushes", test_recorded_pushes);
    g_test_add_func("/codec/recorded/lists", test_recorded_lists);
    g_test_add_func("/codec/recorded/beats", test_recorded_beats);
    g_test_add_func("/codec/recorded/names", test_recorded_names);
    g_test_add_func("/codec/recorded/catalogs", test_recorded_catalogs);
    return g_test_run();
}
