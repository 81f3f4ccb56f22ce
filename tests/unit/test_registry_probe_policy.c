/* SPDX-License-Identifier: MIT */
#include "naming/registry/probe_policy.h"

static const char *const networks[] = {"10.0.0.0/8", "192.168.1.7", "fd00::/8", "169.254.0.0/16",
                                       NULL};

static const struct {
    const char *ip;
    gboolean alone; /* with no --probe-allow */
    gboolean with_networks;
} rows[] = {
    {"127.0.0.1", TRUE, TRUE},
    {"127.200.3.4", TRUE, TRUE},
    {"::1", TRUE, TRUE},
    {"::ffff:127.0.0.1", TRUE, TRUE},
    {"10.1.2.3", FALSE, TRUE},
    {"::ffff:10.1.2.3", FALSE, TRUE},
    {"11.1.2.3", FALSE, FALSE},
    {"192.168.1.7", FALSE, TRUE},
    {"192.168.1.8", FALSE, FALSE},
    {"fd00::1", FALSE, TRUE},
    {"fe80::1", FALSE, FALSE},
    {"169.254.169.254", FALSE, FALSE},
    {"::ffff:169.254.169.254", FALSE, FALSE},
    {"0.0.0.0", FALSE, FALSE},
    {"::", FALSE, FALSE},
    {"localhost", FALSE, FALSE},
    {"127.1", FALSE, FALSE},
    {"0x7f000001", FALSE, FALSE},
    {"2130706433", FALSE, FALSE},
    {"", FALSE, FALSE},
};

static void check(const struct probe_policy *policy, const char *ip, gboolean allowed)
{
    g_autoptr(GInetAddress) address = probe_policy_address(policy, ip);
    if (!address != !allowed)
        g_error("%s", ip);
}

static void test_addresses(void)
{
    struct probe_policy *alone = probe_policy_new(NULL, NULL);
    struct probe_policy *with_networks = probe_policy_new(networks, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        check(alone, rows[i].ip, rows[i].alone);
        check(with_networks, rows[i].ip, rows[i].with_networks);
    }
    probe_policy_free(alone);
    probe_policy_free(with_networks);
}

static void test_no_network(void)
{
    const char *const bad[] = {"10.0.0.0/99", NULL};
    g_autoptr(GError) error = NULL;
    g_assert_null(probe_policy_new(bad, &error));
    g_assert_nonnull(error);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/registry/probe-policy/addresses", test_addresses);
    g_test_add_func("/registry/probe-policy/no-network", test_no_network);
    return g_test_run();
}
