/* SPDX-License-Identifier: MIT */
#include "naming/endpoint.h"

#include "http_stub.h"
#include "naming/naming_proxy.h"

#include <string.h>

static void test_url(void)
{
    static const struct {
        const char *given, *namespace_id, *url;
    } cases[] = {
        {"10.0.0.1", "public", "http://10.0.0.1:8080/nacos/serverlist"},
        {"10.0.0.1:80", "public", "http://10.0.0.1:80/nacos/serverlist"},
        {"a.example", "dev", "http://a.example:8080/nacos/serverlist?namespace=dev"},
        {"a.example", "d v", "http://a.example:8080/nacos/serverlist?namespace=d%20v"},
        {"http://a/", "public", "http://a:8080/nacos/serverlist"},
        {"http://a/list?x=1", "dev", "http://a:8080/list?x=1"},
        {"https://a/list", "public", "https://a:443/list"},
        {"http://[::1]:9/l", "public", "http://[::1]:9/l"},
        {"ftp://a/", "public", NULL},
        {"http://u:p@a/", "public", NULL},
        {"http://", "public", NULL},
        {"", "public", NULL},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *why = NULL;
        g_autofree char *url = endpoint_url(cases[i].given, cases[i].namespace_id, &why);
        g_assert_cmpstr(url, ==, cases[i].url);
        g_assert_true((url == NULL) == (why != NULL));
    }
}

static void test_reply(void)
{
    static const struct {
        const char *body, *like, *urls;
    } cases[] = {
        {"10.0.0.1:8848\n10.0.0.2\n", "http://s:8848/nacos",
         "http://10.0.0.1:8848/nacos,http://10.0.0.2:8848/nacos"},
        {"\r\n 10.0.0.1:8848 \r\n# old\n\n", "http://s:8848/n", "http://10.0.0.1:8848/n"},
        {"a:1\na:1\n", "http://s:1/nacos", "http://a:1/nacos"},
        {"a", "https://s:443/nacos", "https://a:8848/nacos"},
        {"http://a:1/other\n", "https://s:443/nacos", "http://a:1/other"},
        {"[::1]:1", "http://s:1/nacos", "http://[::1]:1/nacos"},
        {"", "http://s:1/nacos", NULL},
        {"\n\n# nothing\n", "http://s:1/nacos", NULL},
        {"<html>\n<body>\n", "http://s:1/nacos", NULL},
        {"10.0.0.1:8848\n<hr>\n", "http://s:1/nacos", NULL},
        {"10.0.0.1,10.0.0.2\n", "http://s:1/nacos", NULL},
        {"10.0.0.1:99999\n", "http://s:1/nacos", NULL},
        {"{\"code\":500}", "http://s:1/nacos", NULL},
        {"10.0.0.1?x=1", "http://s:1/nacos", NULL},
        {"10.0.0.1 HTTP/1.1", "http://s:1/nacos", NULL},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *why = NULL;
        g_auto(GStrv) urls =
            endpoint_parse(cases[i].body, strlen(cases[i].body), cases[i].like, &why);
        g_autofree char *joined = urls != NULL ? g_strjoinv(",", urls) : NULL;
        g_assert_cmpstr(joined, ==, cases[i].urls);
        g_assert_true((urls == NULL) == (why != NULL));
    }
    g_autofree char *why = NULL;
    g_assert_null(endpoint_parse("10.0.0.1\0:8848", 14, "http://s:1/nacos", &why));
}

/* --- against a server --- */

struct bed {
    struct http_stub *stub;
    const char *body;
    int status;
    struct naming_proxy *proxy;
    guint troubles;
};

static void on_request(struct http_stub_connection *connection, const char *request, gpointer data)
{
    struct bed *bed = data;
    http_stub_reply(connection, bed->status, bed->body);
}

static void on_trouble(const char *path, const struct naming_result *result, gpointer data)
{
    struct bed *bed = data;
    g_assert_nonnull(strstr(result->text, "/nacos/serverlist"));
    bed->troubles++;
}

static void bed_open(struct bed *bed, int status, const char *body)
{
    *bed = (struct bed){.status = status, .body = body, .stub = http_stub_new(on_request, bed)};
    const char *const urls[] = {"http://10.0.0.9:8848/nacos", "http://10.0.0.8:8848/nacos", NULL};
    g_autofree char *endpoint = g_strdup_printf("127.0.0.1:%u", http_stub_port(bed->stub));
    const struct naming_config config = {
        .servers = urls,
        .namespace_id = "dev",
        .timeout_ms = 1000,
        .connect_timeout_ms = 500,
        .max_response = 100000,
        .endpoint = endpoint,
    };
    const struct trouble trouble = {on_trouble, bed};
    bed->proxy = naming_proxy_new(&config, &trouble, NULL);
    g_assert_nonnull(bed->proxy);
}

static void bed_close(struct bed *bed)
{
    naming_proxy_free(bed->proxy);
    http_stub_free(bed->stub);
}

/* Waits until so many requests have been answered and taken in. */
static void bed_run(struct bed *bed, guint requests)
{
    gint64 end = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;
    while (http_stub_log(bed->stub)->len < requests && g_get_monotonic_time() < end)
        http_stub_run(5);
    g_assert_cmpuint(http_stub_log(bed->stub)->len, ==, requests);
    http_stub_run(100);
}

static void assert_servers(struct bed *bed, const char *expected)
{
    struct naming_server_state states[8];
    g_autoptr(GString) urls = g_string_new(NULL);
    guint n = naming_proxy_servers(bed->proxy, states, G_N_ELEMENTS(states));
    for (guint i = 0; i < n; i++)
        g_string_append_printf(urls, "%s%s", i > 0 ? "," : "", states[i].url);
    g_assert_cmpstr(urls->str, ==, expected);
}

#define CONFIGURED "http://10.0.0.9:8848/nacos,http://10.0.0.8:8848/nacos"

static void test_servers_of_the_endpoint_are_used(void)
{
    struct bed bed;
    bed_open(&bed, 200, "10.0.0.8:8848\n10.0.0.1:1\n");
    assert_servers(&bed, CONFIGURED);
    bed_run(&bed, 1);
    assert_servers(&bed, "http://10.0.0.8:8848/nacos,http://10.0.0.1:1/nacos");
    const char *request = http_stub_log(bed.stub)->pdata[0];
    g_assert_true(g_str_has_prefix(request, "GET /nacos/serverlist?namespace=dev HTTP/1.1\r\n"));
    bed.body = "10.0.0.2:2\n";
    naming_proxy_reload(bed.proxy, NULL);
    bed_run(&bed, 2);
    assert_servers(&bed, "http://10.0.0.2:2/nacos");
    g_assert_cmpuint(bed.troubles, ==, 0);
    bed_close(&bed);
}

static void test_bad_answers_leave_the_list(void)
{
    static const struct {
        int status;
        const char *body;
    } cases[] = {{200, ""}, {200, "<html>"}, {500, "10.0.0.1:1"}, {302, "10.0.0.1:1"}};
    struct bed bed;
    bed_open(&bed, 200, "10.0.0.1:1\n");
    bed_run(&bed, 1);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        bed.status = cases[i].status;
        bed.body = cases[i].body;
        naming_proxy_reload(bed.proxy, NULL);
        bed_run(&bed, 2 + i);
        assert_servers(&bed, "http://10.0.0.1:1/nacos");
        g_assert_cmpuint(bed.troubles, ==, 1); /* told once */
    }
    bed_close(&bed);
}

static void test_senseless_endpoint(void)
{
    const char *const urls[] = {"http://10.0.0.9:8848/nacos", NULL};
    const struct naming_config config = {.servers = urls,
                                         .timeout_ms = 1,
                                         .connect_timeout_ms = 1,
                                         .max_response = 1,
                                         .endpoint = "ftp://a"};
    const struct trouble nobody = {NULL, NULL};
    g_autofree char *why = NULL;
    g_assert_null(naming_proxy_new(&config, &nobody, &why));
    g_assert_nonnull(strstr(why, "ftp://a"));
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/endpoint/url", test_url);
    g_test_add_func("/endpoint/reply", test_reply);
    g_test_add_func("/endpoint/used", test_servers_of_the_endpoint_are_used);
    g_test_add_func("/endpoint/bad-answers", test_bad_answers_leave_the_list);
    g_test_add_func("/endpoint/senseless", test_senseless_endpoint);
    return g_test_run();
}
