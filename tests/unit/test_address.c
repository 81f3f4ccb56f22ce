/* SPDX-License-Identifier: MIT */
#include "fs/address.h"

#include <string.h>

static char *parsed_ip(const char *text, const char *own_ip, guint16 *port)
{
    char *ip = NULL;
    g_autofree char *why = NULL;
    gboolean ok = address_parse(text, strlen(text), own_ip, &ip, port, &why);
    g_assert_true(ok ? ip != NULL && why == NULL : ip == NULL && why != NULL);
    return ip;
}

static void check_parse(const char *text, const char *ip, guint16 port)
{
    guint16 number = 0;
    g_autofree char *parsed = parsed_ip(text, NULL, &number);
    g_assert_cmpstr(parsed, ==, ip);
    g_assert_cmpuint(number, ==, port);
}

static void test_accepted(void)
{
    check_parse("10.0.0.1:8080", "10.0.0.1", 8080);
    check_parse("0.0.0.0:1", "0.0.0.0", 1);
    check_parse("[::1]:65535", "::1", 65535);
    check_parse("order-svc.prod_1:80", "order-svc.prod_1", 80);
    check_parse("1.2.3.com:80", "1.2.3.com", 80);
    check_parse("Host:80", "Host", 80);
}

static void test_ipv6_becomes_canonical(void)
{
    check_parse("[0:0:0:0:0:0:0:1]:80", "::1", 80);
    check_parse("[2001:DB8::0001]:80", "2001:db8::1", 80);
    check_parse("[::ffff:10.0.0.1]:80", "::ffff:10.0.0.1", 80);
}

static void test_refused(void)
{
    const char *bad[] = {"",
                         "10.0.0.1",
                         "10.0.0.1:",
                         "10.0.0.1:0",
                         "a:65536",
                         "a:99999",
                         "a:080",
                         "a:+80",
                         "a:-1",
                         "a:8x",
                         "a: 80",
                         "a:100000000000",
                         "1.2.3:80",
                         "300.1.1.1:80",
                         "1:80",
                         "...:80",
                         "010.0.0.1:80",
                         "::1:80",
                         "[::1:80",
                         "[]:80",
                         "[10.0.0.1]:80",
                         "[fe80::1%eth0]:80",
                         "a b:80",
                         "a\\040b:80",
                         "a/b:80",
                         "\xe6\x9c\x8d:80",
                         "[::1]x:80",
                         "a@b:80"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        guint16 port;
        g_autofree char *ip = parsed_ip(bad[i], "10.0.0.9", &port);
        if (ip != NULL)
            g_test_message("taken: %s", bad[i]);
        g_assert_null(ip);
    }
}

static void test_nul_byte_is_refused(void)
{
    char *ip = NULL;
    guint16 port;
    g_autofree char *why = NULL;
    g_assert_false(address_parse("a\0b:80", 6, NULL, &ip, &port, &why));
}

static void test_host_of_253_bytes_at_most(void)
{
    guint16 port;
    g_autofree char *host = g_strnfill(253, 'a');
    g_autofree char *longest = g_strconcat(host, ":80", NULL);
    g_autofree char *longer = g_strconcat(host, "a:80", NULL);
    g_autofree char *ip = parsed_ip(longest, NULL, &port);
    g_assert_cmpstr(ip, ==, host);
    g_assert_null(parsed_ip(longer, NULL, &port));
}

static void test_own_ip(void)
{
    guint16 port = 0;
    g_autofree char *ip = parsed_ip(":8080", "10.0.0.9", &port);
    g_assert_cmpstr(ip, ==, "10.0.0.9");
    g_assert_cmpuint(port, ==, 8080);
    g_assert_null(parsed_ip(":8080", NULL, &port));
}

static void check_format(const char *ip, const char *expected)
{
    g_autoptr(GString) out = g_string_new(NULL);
    struct instance host = {.ip = (char *)ip, .port = 80};
    address_format(out, &host);
    g_assert_cmpstr(out->str, ==, expected);
}

static void test_format(void)
{
    check_format("10.0.0.1", "10.0.0.1:80");
    check_format("::1", "[::1]:80");
    check_format("host-1.x_y", "host-1.x_y:80");
}

static void test_format_of_strange_ips(void)
{
    check_format("", "[]:80");
    check_format("0:0::1", "[0:0::1]:80");
    check_format("[::1]", "\\133::1\\135:80");
    check_format("a b", "a\\040b:80");
    check_format("a\nb", "a\\012b:80");
    check_format("a\\b", "a\\134b:80");
    check_format("a@b", "a\\100b:80");
    check_format("#x", "\\043x:80");
    check_format("\xff", "\\377:80");
    check_format("\xc2\x9b", "\\302\\233:80");
    check_format("fe80::1%eth0", "fe80::1%eth0:80");
}

static void check_host_name(const char *ip, const char *cluster, const char *expected)
{
    struct instance host = {.ip = (char *)ip, .port = 80, .cluster_name = (char *)cluster};
    g_autofree char *name = address_host_name(&host);
    g_assert_cmpstr(name, ==, expected);
}

static void test_host_name(void)
{
    check_host_name("10.0.0.1", "DEFAULT", "10.0.0.1:80");
    check_host_name("::1", "hz", "[::1]:80@hz");
    check_host_name(".hidden", "DEFAULT", "%2Ehidden:80");
    check_host_name("a%b", "DEFAULT", "a%25b:80");
    check_host_name("a", "x/y z", "a:80@x%2Fy\\040z");
}

static void test_host_name_too_long(void)
{
    g_autofree char *cluster = g_strnfill(250, 'c');
    check_host_name("10.0.0.1", cluster, NULL);
}

static void test_host_name_round_trip(void)
{
    const char *names[] = {"10.0.0.1:8080", "10.0.0.1:8080@hz-1", "[::1]:80", "%2Ea:80", "a_b:1@X"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *why = NULL;
        g_auto(instance) host;
        instance_init(&host);
        g_assert_true(address_parse_host_name(names[i], &host, &why));
        g_autofree char *again = address_host_name(&host);
        g_assert_cmpstr(again, ==, names[i]);
    }
}

static void test_host_name_parts(void)
{
    g_autofree char *why = NULL;
    g_auto(instance) host;
    instance_init(&host);
    g_assert_true(address_parse_host_name("[::1]:81@hz", &host, &why));
    g_assert_cmpstr(host.ip, ==, "::1");
    g_assert_cmpuint(host.port, ==, 81);
    g_assert_cmpstr(host.cluster_name, ==, "hz");
}

static void test_other_host_names_change_nothing(void)
{
    const char *bad[] = {"10.0.0.1:80@DEFAULT", "10.0.0.1:80@", "10.0.0.1:80@a_b", "10.0.0.1:080",
                         "[0::1]:80",           ":80",          "register",        "%61:80",
                         "10.0.0.1:80@a@b",     "a%2Fb:80",     "10.0.0.1:80 ",    ""};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *why = NULL;
        g_auto(instance) host;
        instance_init(&host);
        host.ip = g_strdup("10.9.9.9");
        g_assert_false(address_parse_host_name(bad[i], &host, &why));
        g_assert_nonnull(why);
        g_assert_cmpstr(host.ip, ==, "10.9.9.9");
        g_assert_cmpstr(host.cluster_name, ==, "DEFAULT");
    }
}

static void test_kinds(void)
{
    g_assert_cmpint(address_kind("10.0.0.1"), ==, ADDRESS_IPV4);
    g_assert_cmpint(address_kind("::1"), ==, ADDRESS_IPV6);
    g_assert_cmpint(address_kind("app-1.example_x"), ==, ADDRESS_NAME);
    g_assert_cmpint(address_kind("1.2.3"), ==, ADDRESS_STRANGE);
    g_assert_cmpint(address_kind("a;b"), ==, ADDRESS_STRANGE);
    g_assert_cmpint(address_kind("fe80::1%eth0"), ==, ADDRESS_STRANGE);
    g_assert_cmpint(address_kind(""), ==, ADDRESS_STRANGE);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/address/accepted", test_accepted);
    g_test_add_func("/address/ipv6", test_ipv6_becomes_canonical);
    g_test_add_func("/address/refused", test_refused);
    g_test_add_func("/address/nul", test_nul_byte_is_refused);
    g_test_add_func("/address/253", test_host_of_253_bytes_at_most);
    g_test_add_func("/address/own", test_own_ip);
    g_test_add_func("/address/format", test_format);
    g_test_add_func("/address/format-strange", test_format_of_strange_ips);
    g_test_add_func("/address/host-name", test_host_name);
    g_test_add_func("/address/host-name-too-long", test_host_name_too_long);
    g_test_add_func("/address/host-name-round-trip", test_host_name_round_trip);
    g_test_add_func("/address/host-name-parts", test_host_name_parts);
    g_test_add_func("/address/host-name-refused", test_other_host_names_change_nothing);
    g_test_add_func("/address/kinds", test_kinds);
    return g_test_run();
}
