/* SPDX-License-Identifier: MIT
 *
 * Where probes may go: whoever can register an instance could else have every port of the network
 * behind this machine looked at, and read the result. This machine's own loopback addresses, and
 * what --probe-allow says; never link-local ones, where clouds keep their secrets.
 */
#pragma once

#include <gio/gio.h>

struct probe_policy;

/* `allowed`: networks as ADDRESS/BITS or ADDRESS; NULL = none. NULL with a GIOError. */
struct probe_policy *probe_policy_new(const char *const *allowed, GError **error);
void probe_policy_free(struct probe_policy *policy);

/* The address of an instance if it may be probed; new reference. NULL also for a host name: what it
 * stands for may change between the check and the probe. */
GInetAddress *probe_policy_address(const struct probe_policy *policy, const char *ip);
