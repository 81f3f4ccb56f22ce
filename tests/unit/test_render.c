/* SPDX-License-Identifier: MIT */
#include "fs/render.h"

#include <math.h>
#include <string.h>

static void check_weight(double weight, const char *expected)
{
    g_autoptr(GString) out = g_string_new(NULL);
    render_weight(out, weight);
    g_assert_cmpstr(out->str, ==, expected);
}

static void test_weights(void)
{
    check_weight(0, "0");
    check_weight(-0.0, "0");
    check_weight(1, "1");
    check_weight(0.5, "0.5");
    check_weight(2.5, "2.5");
    check_weight(0.1, "0.1");
    check_weight(0.1 + 0.2, "0.30000000000000004");
    check_weight(10, "10");
    check_weight(9999.5, "9999.5");
    check_weight(10000, "10000");
    check_weight(0.0001, "0.0001");
    check_weight(1e-10, "0.0000000001");
}

static void test_smallest_weight_has_no_exponent(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    render_weight(out, 5e-324);
    g_assert_cmpuint(strspn(out->str, "0123456789."), ==, out->len);
    g_assert_true(g_ascii_strtod(out->str, NULL) == 5e-324);
}

static void test_weights_that_no_user_can_write(void)
{
    check_weight(NAN, "nan");
    check_weight(INFINITY, "inf");
    check_weight(-1, "-1e+00");
    check_weight(1.5e300, "1.5e+300");
}

static void test_random_weights_read_back(void)
{
    for (int i = 0; i < 20000; i++) {
        double weight = g_test_rand_double_range(0, i % 2 ? 10000 : 0.01);
        g_autoptr(GString) out = g_string_new(NULL);
        render_weight(out, weight);
        g_assert_true(g_ascii_strtod(out->str, NULL) == weight);
        g_assert_cmpuint(strspn(out->str, "0123456789."), ==, out->len);
    }
}

static void test_fields(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    render_field(out, "a", "1 2\t3\n\\");
    render_field_int(out, "b", -5);
    g_string_append_c(out, '\n');
    render_field(out, "c=d", "=\x7f\xff\xc3\xa9");
    g_assert_cmpstr(out->str, ==,
                    "a=1\\0402\\0113\\012\\134 b=-5\n"
                    "c\\075d==\\177\\377\xc3\xa9");
}

static void make_host(struct instance *host, const char *ip, double weight)
{
    instance_init(host);
    host->ip = g_strdup(ip);
    host->port = 80;
    host->weight = weight;
}

/* Four hosts: callable, of weight 0, unhealthy, callable. */
static struct service_info *make_service(guint n)
{
    const struct service_key key = {"DEFAULT_GROUP", "order-svc"};
    struct instance hosts[4];
    make_host(&hosts[0], "10.0.0.1", 1);
    make_host(&hosts[1], "10.0.0.2", 0);
    make_host(&hosts[2], "10.0.0.3", 1);
    make_host(&hosts[3], "::1", 3);
    hosts[2].healthy = FALSE;
    instance_set_metadata(&hosts[3], "zone", "cn 1");
    for (guint i = n; i < G_N_ELEMENTS(hosts); i++)
        instance_clear(&hosts[i]);
    return service_info_new(&key, "", hosts, n);
}

static void check_bytes(GBytes *bytes, const char *expected)
{
    gsize size;
    const char *data = g_bytes_get_data(bytes, &size);
    g_autofree char *text = g_strndup(data, size);
    g_bytes_unref(bytes);
    g_assert_cmpstr(text, ==, expected);
}

static void test_line(void)
{
    g_auto(instance) host;
    g_autoptr(GString) out = g_string_new(NULL);
    make_host(&host, "10.0.0.1", 2.5);
    host.enabled = FALSE;
    instance_set_metadata(&host, "note", "a b");
    instance_set_metadata(&host, "k=v", "");
    render_line(out, &host);
    g_assert_cmpstr(out->str, ==,
                    "10.0.0.1:80 weight=2.5 healthy=true enabled=false ephemeral=true "
                    "cluster=DEFAULT meta.k\\075v= meta.note=a\\040b\n");
}

static void test_host(void)
{
    g_auto(instance) host;
    make_host(&host, "10.0.0.1", 1);
    check_bytes(render_host(&host),
                "weight=1 healthy=true enabled=true ephemeral=true cluster=DEFAULT\n");
}

static void test_instances(void)
{
    g_autoptr(service_info) info = make_service(4);
    check_bytes(render_instances(info),
                "10.0.0.1:80 weight=1 healthy=true enabled=true ephemeral=true cluster=DEFAULT\n"
                "10.0.0.2:80 weight=0 healthy=true enabled=true ephemeral=true cluster=DEFAULT\n"
                "10.0.0.3:80 weight=1 healthy=false enabled=true ephemeral=true cluster=DEFAULT\n"
                "[::1]:80 weight=3 healthy=true enabled=true ephemeral=true cluster=DEFAULT "
                "meta.zone=cn\\0401\n");
}

static void test_healthy(void)
{
    g_autoptr(service_info) info = make_service(4);
    check_bytes(render_healthy(info), "10.0.0.1:80\n[::1]:80\n");
}

static void test_no_hosts_are_empty_bytes(void)
{
    g_autoptr(service_info) info = make_service(0);
    check_bytes(render_instances(info), "");
    check_bytes(render_healthy(info), "");
}

static void test_pick_by_weight(void)
{
    g_autoptr(service_info) info = make_service(4);
    check_bytes(render_pick(info, 0), "10.0.0.1:80\n");
    check_bytes(render_pick(info, 0.24), "10.0.0.1:80\n");
    check_bytes(render_pick(info, 0.26), "[::1]:80\n");
    check_bytes(render_pick(info, 0.999), "[::1]:80\n");
}

static void test_nothing_to_pick(void)
{
    g_autoptr(service_info) info = make_service(0);
    g_assert_null(render_pick(info, 0.5));
}

static void test_json_is_one_line(void)
{
    g_autoptr(service_info) info = make_service(4);
    g_autoptr(GBytes) bytes = render_json(info);
    gsize size;
    const char *data = g_bytes_get_data(bytes, &size);
    g_assert_cmpuint(size, >, 2);
    g_assert_true(memchr(data, '\n', size) == data + size - 1);
    g_assert_cmpint(data[0], ==, '{');
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/render/weights", test_weights);
    g_test_add_func("/render/weight-smallest", test_smallest_weight_has_no_exponent);
    g_test_add_func("/render/weights-strange", test_weights_that_no_user_can_write);
    g_test_add_func("/render/weights-random", test_random_weights_read_back);
    g_test_add_func("/render/fields", test_fields);
    g_test_add_func("/render/line", test_line);
    g_test_add_func("/render/host", test_host);
    g_test_add_func("/render/instances", test_instances);
    g_test_add_func("/render/healthy", test_healthy);
    g_test_add_func("/render/empty", test_no_hosts_are_empty_bytes);
    g_test_add_func("/render/pick", test_pick_by_weight);
    g_test_add_func("/render/pick-nothing", test_nothing_to_pick);
    g_test_add_func("/render/json", test_json_is_one_line);
    return g_test_run();
}
