/* SPDX-License-Identifier: MIT */
#include "naming/registry/probe_policy.h"

#include <string.h>

struct probe_policy {
    GPtrArray *allowed; /* of GInetAddressMask, owned */
};

struct probe_policy *probe_policy_new(const char *const *allowed, GError **error)
{
    struct probe_policy *policy = g_new0(struct probe_policy, 1);
    policy->allowed = g_ptr_array_new_with_free_func(g_object_unref);
    for (; allowed && *allowed; allowed++) {
        GInetAddressMask *mask = g_inet_address_mask_new_from_string(*allowed, error);
        if (!mask) {
            g_prefix_error(error, "--probe-allow %s: ", *allowed);
            probe_policy_free(policy);
            return NULL;
        }
        g_ptr_array_add(policy->allowed, mask);
    }
    return policy;
}

void probe_policy_free(struct probe_policy *policy)
{
    if (!policy)
        return;
    g_ptr_array_unref(policy->allowed);
    g_free(policy);
}

/* ::ffff:10.0.0.1 is 10.0.0.1, whatever it is written like. Takes the reference. */
static GInetAddress *unmapped(GInetAddress *address)
{
    static const guint8 prefix[12] = {[10] = 0xff, [11] = 0xff};
    const guint8 *bytes = g_inet_address_to_bytes(address);
    if (g_inet_address_get_family(address) != G_SOCKET_FAMILY_IPV6 ||
        memcmp(bytes, prefix, sizeof(prefix)) != 0)
        return address;
    GInetAddress *plain =
        g_inet_address_new_from_bytes(bytes + sizeof(prefix), G_SOCKET_FAMILY_IPV4);
    g_object_unref(address);
    return plain;
}

static gboolean is_allowed(const struct probe_policy *policy, GInetAddress *address)
{
    if (g_inet_address_get_is_loopback(address))
        return TRUE;
    if (g_inet_address_get_is_link_local(address))
        return FALSE;
    for (guint i = 0; i < policy->allowed->len; i++)
        if (g_inet_address_mask_matches(g_ptr_array_index(policy->allowed, i), address))
            return TRUE;
    return FALSE;
}

GInetAddress *probe_policy_address(const struct probe_policy *policy, const char *ip)
{
    GInetAddress *address = g_inet_address_new_from_string(ip);
    if (!address)
        return NULL;
    address = unmapped(address);
    if (is_allowed(policy, address))
        return address;
    g_object_unref(address);
    return NULL;
}
