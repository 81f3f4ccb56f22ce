/* SPDX-License-Identifier: MIT
 *
 * Healthy is who lets us connect (TcpSuperSenseProcessor).
 */
#include "naming/registry/probe.h"

static void ready(struct probe *probe, GIOCondition condition)
{
    if (probe_connected(probe))
        probe_end(probe, PROBE_OK, PROBE_TIME_MEASURED);
}

static void late(struct probe *probe)
{
    probe_end(probe, PROBE_FAIL, PROBE_TIME_DOUBLED);
}

const struct prober probe_tcp = {.start = probe_connect, .ready = ready, .late = late};
