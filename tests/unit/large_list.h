/* SPDX-License-Identifier: MIT
 *
 * A large reply of instance/list, and a timer that tells how long the loop did not turn.
 */
#pragma once

#include <glib.h>

#define TICK_MS 5

/* ServiceInfo of G@@svc with hosts 10.1.A.B:80, last address first, some 160 bytes each. */
static inline char *large_list(guint hosts)
{
    GString *text = g_string_new("{\"name\":\"G@@svc\",\"clusters\":\"\",\"cacheMillis\":10000,"
                                 "\"lastRefTime\":5,\"hosts\":[");
    for (guint i = hosts; i-- > 0;)
        g_string_append_printf(text,
                               "{\"ip\":\"10.%u.%u.%u\",\"port\":80,\"weight\":1.0,"
                               "\"healthy\":true,\"enabled\":true,\"ephemeral\":true,"
                               "\"clusterName\":\"DEFAULT\",\"metadata\":{\"zone\":\"z%u\","
                               "\"version\":\"1.2.3\"}}%s",
                               1 + i / 65536, i / 256 % 256, i % 256, i % 7, i > 0 ? "," : "");
    g_string_append(text, "]}");
    return g_string_free(text, FALSE);
}

struct ticker {
    guint source;
    guint ticks;
    gint64 last;    /* us */
    gint64 longest; /* us between two turns */
};

static inline gboolean ticker_tick(gpointer user_data)
{
    struct ticker *ticker = user_data;
    gint64 now = g_get_monotonic_time();
    ticker->ticks++;
    ticker->longest = MAX(ticker->longest, now - ticker->last);
    ticker->last = now;
    return G_SOURCE_CONTINUE;
}

static inline void ticker_start(struct ticker *ticker)
{
    *ticker = (struct ticker){.last = g_get_monotonic_time()};
    ticker->source = g_timeout_add(TICK_MS, ticker_tick, ticker);
}

/* Takes the time since the last turn into account, too. */
static inline void ticker_stop(struct ticker *ticker)
{
    ticker_tick(ticker);
    g_source_remove(ticker->source);
}
