/* SPDX-License-Identifier: MIT */
#include "fs/render_format.h"

#include <string.h>

struct row {
    const char *ip;
    guint16 port;
    double weight;
    const char *cluster; /* NULL = DEFAULT */
};

static struct service_info *make(const char *group, const char *name, const struct row *rows,
                                 guint n)
{
    const struct service_key key = {(char *)group, (char *)name};
    g_autofree struct instance *hosts = g_new0(struct instance, n + 1);
    for (guint i = 0; i < n; i++) {
        instance_init(&hosts[i]);
        hosts[i].ip = g_strdup(rows[i].ip);
        hosts[i].port = rows[i].port;
        hosts[i].weight = rows[i].weight;
        if (rows[i].cluster) {
            g_free(hosts[i].cluster_name);
            hosts[i].cluster_name = g_strdup(rows[i].cluster);
        }
    }
    return service_info_new(&key, "", hosts, n);
}

#define SERVICE(...)                                                                               \
    make("DEFAULT_GROUP", "Order_svc", (const struct row[]){__VA_ARGS__},                          \
         G_N_ELEMENTS(((const struct row[]){__VA_ARGS__})))
#define EMPTY make("DEFAULT_GROUP", "Order_svc", NULL, 0)

/* Renders, compares, frees both. */
static void check(const char *format, struct service_info *info, const char *expected)
{
    g_autoptr(GBytes) bytes = render_format_at((guint)render_format_find(format))->render(info);
    gsize size;
    const char *data = g_bytes_get_data(bytes, &size);
    g_autofree char *text = g_strndup(data, size);
    service_info_unref(info);
    g_assert_cmpstr(text, ==, expected);
}

/* A healthy one, one over IPv6, a host name, and those that may not be in any file. */
static struct service_info *make_mixed(void)
{
    struct service_info *info =
        SERVICE({"10.0.0.1", 80, 2, NULL}, {"10.0.0.2", 80, 1, NULL}, {"10.0.0.3", 80, 1, NULL},
                {"10.0.0.4", 80, 0, NULL}, {"::1", 80, 1, NULL}, {"app.example", 8080, 1, NULL},
                {"1.1.1.1;} x \"'$(id)\n", 80, 1, NULL}, {"1.2.3", 80, 1, NULL});
    for (guint i = 0; i < info->n_hosts; i++) {
        if (strcmp(info->hosts[i].ip, "10.0.0.2") == 0)
            info->hosts[i].healthy = FALSE;
        if (strcmp(info->hosts[i].ip, "10.0.0.3") == 0)
            info->hosts[i].enabled = FALSE;
    }
    return info;
}

static void test_table(void)
{
    static const char *const names[] = {"prometheus", "hosts",   "nginx", "haproxy",
                                        "envoy",      "traefik", "env"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_assert_cmpint(render_format_find(names[i]), >=, 0);
        g_assert_cmpstr(render_format_at((guint)render_format_find(names[i]))->name, ==, names[i]);
    }
    g_assert_cmpint(render_format_find("apache"), ==, -1);
    g_assert_cmpint(render_format_find(""), ==, -1);
}

static void check_name(const char *group, const char *service, const char *expected)
{
    const struct service_key key = {(char *)group, (char *)service};
    g_autofree char *name = render_object_name(&key);
    g_assert_cmpstr(name, ==, expected);
}

static void test_object_names(void)
{
    check_name("DEFAULT_GROUP", "order-svc", "order-svc");
    check_name("DEFAULT_GROUP", "com.Example.Order_Svc", "com.example.order-svc");
    check_name("TEST_GROUP", "order-svc", "order-svc.test-group");
    check_name("DEFAULT_GROUP", "a b/c{};\n$`'\"", "a-b-c--------");
    check_name("DEFAULT_GROUP", "\xe8\xae\xa2\xe5\x8d\x95", "--");
}

static void test_nginx(void)
{
    check("nginx", make_mixed(),
          "upstream order-svc {\n"
          "    server 10.0.0.1:80 weight=2;\n"
          "    server [::1]:80 weight=1;\n"
          "    # left out, no IP address: app.example:8080\n"
          "}\n");
}

static void test_nginx_without_instances(void)
{
    check("nginx", EMPTY, "upstream order-svc {\n    server 127.0.0.1:9 down;\n}\n");
    check("nginx", SERVICE({"app.example", 80, 1, NULL}),
          "upstream order-svc {\n    # left out, no IP address: app.example:80\n"
          "    server 127.0.0.1:9 down;\n}\n");
}

static void test_haproxy(void)
{
    check("haproxy", make_mixed(),
          "backend order-svc\n"
          "    balance roundrobin\n"
          "    server 10.0.0.1:80 10.0.0.1:80 weight 2\n"
          "    server ::1:80 [::1]:80 weight 1\n"
          "    server app.example:8080 app.example:8080 weight 1 init-addr last,libc,none\n");
    check("haproxy", EMPTY, "backend order-svc\n    balance roundrobin\n");
}

static void test_haproxy_weights_fit(void)
{
    check("haproxy",
          SERVICE({"10.0.0.1", 80, 10000, NULL}, {"10.0.0.2", 80, 5000, NULL},
                  {"10.0.0.3", 80, 0.5, NULL}),
          "backend order-svc\n"
          "    balance roundrobin\n"
          "    server 10.0.0.1:80 10.0.0.1:80 weight 256\n"
          "    server 10.0.0.2:80 10.0.0.2:80 weight 128\n"
          "    server 10.0.0.3:80 10.0.0.3:80 weight 1\n");
}

static void test_traefik(void)
{
    check("traefik", make_mixed(),
          "http:\n"
          "  services:\n"
          "    \"order-svc\":\n"
          "      loadBalancer:\n"
          "        servers:\n"
          "          - url: \"http://10.0.0.1:80\"\n"
          "            weight: 2\n"
          "          - url: \"http://[::1]:80\"\n"
          "            weight: 1\n"
          "          - url: \"http://app.example:8080\"\n"
          "            weight: 1\n");
}

static void test_traefik_without_weights(void)
{
    check("traefik", SERVICE({"10.0.0.1", 80, 3, NULL}, {"10.0.0.2", 80, 3, NULL}),
          "http:\n"
          "  services:\n"
          "    \"order-svc\":\n"
          "      loadBalancer:\n"
          "        servers:\n"
          "          - url: \"http://10.0.0.1:80\"\n"
          "          - url: \"http://10.0.0.2:80\"\n");
    check("traefik", EMPTY,
          "http:\n  services:\n    \"order-svc\":\n      loadBalancer:\n        servers: []\n");
}

static void test_prometheus(void)
{
    struct service_info *info = SERVICE({"10.0.0.1", 80, 0.5, "HZ"}, {"::1", 80, 1, NULL});
    instance_set_metadata(&info->hosts[0], "a.b", "\"x\"\n");
    instance_set_metadata(&info->hosts[0], "a_b", "second");
    check("prometheus", info,
          "[\n"
          "{\"targets\":[\"10.0.0.1:80\"],\"labels\":{\"job\":\"order-svc\","
          "\"__meta_nacos_service\":\"Order_svc\",\"__meta_nacos_group\":\"DEFAULT_GROUP\","
          "\"__meta_nacos_cluster\":\"HZ\",\"__meta_nacos_weight\":\"0.5\","
          "\"__meta_nacos_metadata_a_b\":\"\\\"x\\\"\\n\"}},\n"
          "{\"targets\":[\"[::1]:80\"],\"labels\":{\"job\":\"order-svc\","
          "\"__meta_nacos_service\":\"Order_svc\",\"__meta_nacos_group\":\"DEFAULT_GROUP\","
          "\"__meta_nacos_cluster\":\"DEFAULT\",\"__meta_nacos_weight\":\"1\"}}\n"
          "]\n");
    check("prometheus", EMPTY, "[]\n");
}

static void test_envoy(void)
{
    check("envoy", make_mixed(),
          "{\"version_info\":\"d3085334abd9d1ae\",\"resources\":["
          "{\"@type\":\"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment\","
          "\"cluster_name\":\"order-svc\",\"endpoints\":[{\"lb_endpoints\":[\n"
          "{\"endpoint\":{\"address\":{\"socket_address\":{\"address\":\"10.0.0.1\","
          "\"port_value\":80}}},\"load_balancing_weight\":2},\n"
          "{\"endpoint\":{\"address\":{\"socket_address\":{\"address\":\"::1\","
          "\"port_value\":80}}},\"load_balancing_weight\":1}\n"
          "]}]}]}\n");
}

/* Other servers, other times, what is not shown: the same bytes. */
static void test_equal_instances_give_equal_bytes(void)
{
    for (guint i = 0; i < RENDER_FORMATS; i++) {
        g_autoptr(service_info) a = make_mixed();
        g_autoptr(service_info) b = make_mixed();
        b->last_ref_time = 12345;
        for (guint j = 0; j < b->n_hosts; j++)
            if (!instance_is_callable(&b->hosts[j]))
                instance_set_metadata(&b->hosts[j], "new", "1");
        g_autoptr(GBytes) x = render_format_at(i)->render(a);
        g_autoptr(GBytes) y = render_format_at(i)->render(b);
        g_assert_true(g_bytes_equal(x, y));
    }
}

static void test_no_format_carries_strange_addresses(void)
{
    for (guint i = 0; i < RENDER_FORMATS; i++) {
        g_autoptr(service_info) info = make_mixed();
        g_autoptr(GBytes) bytes = render_format_at(i)->render(info);
        gsize size;
        const char *data = g_bytes_get_data(bytes, &size);
        g_assert_null(g_strstr_len(data, (gssize)size, "1.1.1.1"));
        g_assert_null(g_strstr_len(data, (gssize)size, "1.2.3:"));
    }
}

static void test_hosts(void)
{
    check("hosts", make_mixed(), "10.0.0.1 order-svc\n::1 order-svc\n");
    check("hosts", EMPTY, "");
    check("hosts", SERVICE({"10.0.0.1", 80, 1, NULL}, {"10.0.0.1", 81, 1, NULL}),
          "10.0.0.1 order-svc\n");
}

static void test_env(void)
{
    check("env", make_mixed(),
          "ORDER_SVC_COUNT=3\n"
          "ORDER_SVC_ADDRESSES=10.0.0.1:80,[::1]:80,app.example:8080\n"
          "ORDER_SVC_WEIGHTS=2,1,1\n");
    check("env", make("G.1", "7up", NULL, 0),
          "_7UP_G_1_COUNT=0\n_7UP_G_1_ADDRESSES=\n_7UP_G_1_WEIGHTS=\n");
}

static void check_weights(struct service_info *info, guint limit, guint first, guint second)
{
    g_autoptr(GArray) targets = render_targets(info, limit);
    g_assert_cmpuint(targets->len, ==, 2);
    g_assert_cmpuint(g_array_index(targets, struct render_target, 0).weight, ==, first);
    g_assert_cmpuint(g_array_index(targets, struct render_target, 1).weight, ==, second);
    service_info_unref(info);
}

static void test_weights(void)
{
    check_weights(SERVICE({"10.0.0.1", 80, 1, NULL}, {"10.0.0.2", 80, 3, NULL}), 256, 1, 3);
    check_weights(SERVICE({"10.0.0.1", 80, 0.5, NULL}, {"10.0.0.2", 80, 1, NULL}), 256, 5, 10);
    check_weights(SERVICE({"10.0.0.1", 80, 0.25, NULL}, {"10.0.0.2", 80, 10000, NULL}), 10000, 1,
                  10000);
    check_weights(SERVICE({"10.0.0.1", 80, 1.0 / 3, NULL}, {"10.0.0.2", 80, 1, NULL}), 9999, 3333,
                  9999);
    check_weights(SERVICE({"10.0.0.1", 80, 1e-300, NULL}, {"10.0.0.2", 80, 1e300, NULL}), 256, 1,
                  256);
}

static void test_an_address_in_two_clusters_is_one_target(void)
{
    g_autoptr(service_info) info =
        SERVICE({"10.0.0.1", 80, 1, "A"}, {"10.0.0.1", 80, 2, "B"}, {"10.0.0.2", 80, 2, "B"});
    g_autoptr(GArray) targets = render_targets(info, 100);
    g_assert_cmpuint(targets->len, ==, 2);
    g_assert_cmpuint(g_array_index(targets, struct render_target, 0).weight, ==, 1);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/render-format/table", test_table);
    g_test_add_func("/render-format/names", test_object_names);
    g_test_add_func("/render-format/nginx", test_nginx);
    g_test_add_func("/render-format/nginx-empty", test_nginx_without_instances);
    g_test_add_func("/render-format/haproxy", test_haproxy);
    g_test_add_func("/render-format/haproxy-weights", test_haproxy_weights_fit);
    g_test_add_func("/render-format/traefik", test_traefik);
    g_test_add_func("/render-format/traefik-equal", test_traefik_without_weights);
    g_test_add_func("/render-format/prometheus", test_prometheus);
    g_test_add_func("/render-format/envoy", test_envoy);
    g_test_add_func("/render-format/hosts", test_hosts);
    g_test_add_func("/render-format/env", test_env);
    g_test_add_func("/render-format/equal", test_equal_instances_give_equal_bytes);
    g_test_add_func("/render-format/strange", test_no_format_carries_strange_addresses);
    g_test_add_func("/render-format/weights", test_weights);
    g_test_add_func("/render-format/clusters", test_an_address_in_two_clusters_is_one_target);
    return g_test_run();
}
