/* SPDX-License-Identifier: MIT */
#include "naming/registry/probe.h"

#include <errno.h>
#include <string.h>

void probe_end(struct probe *probe, enum probe_verdict verdict, enum probe_time time)
{
    gint64 took = g_get_monotonic_time() - probe->started;
    probe->result = (struct probe_result){verdict, time, (gint)(took / 1000)};
    probe->ended = TRUE;
}

void probe_set_deadline(struct probe *probe, gint ms)
{
    probe->deadline = g_get_monotonic_time() + (gint64)ms * 1000;
}

/* Java's ConnectException is what the other side, or the way there, said; all else may be ours. */
static void end_failed(struct probe *probe, int reason)
{
    gboolean refused = reason == ECONNREFUSED || reason == ENETUNREACH || reason == EHOSTUNREACH;
    probe_end(probe, refused ? PROBE_FAIL_NOW : PROBE_FAIL, PROBE_TIME_MAX);
}

void probe_connect(struct probe *probe)
{
    int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    probe->fd = socket(probe->target.ss_family, type, 0);
    probe->condition = G_IO_OUT;
    probe_set_deadline(probe, PROBE_CONNECT_MS);
    if (probe->fd < 0)
        end_failed(probe, errno);
    else if (connect(probe->fd, (struct sockaddr *)&probe->target, probe->target_length) &&
             errno != EINPROGRESS)
        end_failed(probe, errno);
}

/* A connection to a free port of this machine can get that very port as its own and meet itself. */
static gboolean met_itself(const struct probe *probe)
{
    struct sockaddr_storage own = {0}, peer = {0};
    socklen_t own_length = sizeof(own), peer_length = sizeof(peer);
    return getsockname(probe->fd, (struct sockaddr *)&own, &own_length) == 0 &&
           getpeername(probe->fd, (struct sockaddr *)&peer, &peer_length) == 0 &&
           own_length == peer_length && memcmp(&own, &peer, own_length) == 0;
}

gboolean probe_connected(struct probe *probe)
{
    int reason = 0;
    socklen_t length = sizeof(reason);
    if (getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &reason, &length))
        reason = errno;
    if (reason == 0 && met_itself(probe))
        reason = ECONNREFUSED;
    if (reason)
        end_failed(probe, reason);
    return reason == 0;
}
