/* SPDX-License-Identifier: MIT */
#include "naming/patience.h"

static gboolean has_answered(struct naming_proxy *proxy)
{
    guint n = naming_proxy_servers(proxy, NULL, 0);
    g_autofree struct naming_server_state *states = g_new0(struct naming_server_state, n);

    n = MIN(n, naming_proxy_servers(proxy, states, n));
    for (guint i = 0; i < n; i++)
        if (states[i].last_ok != 0)
            return TRUE;
    return FALSE;
}

gint64 patience_end(struct patience *patience)
{
    if (patience->first == 0)
        patience->first = timers_now(patience->timers);
    if (!patience->answered)
        patience->answered = has_answered(patience->proxy);
    return patience->answered ? -1 : patience->first + PATIENCE_US;
}
