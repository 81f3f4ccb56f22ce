/* SPDX-License-Identifier: MIT */
#include "fs/wakeup.h"

struct wakeup {
    GSource source;
    void (*fired)(gpointer user_data);
    gpointer user_data;
};

static gboolean wakeup_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
    struct wakeup *wakeup = (struct wakeup *)source;
    g_source_set_ready_time(source, WAKEUP_NEVER);
    wakeup->fired(wakeup->user_data);
    return G_SOURCE_CONTINUE;
}

static const GSourceFuncs wakeup_funcs = {.dispatch = wakeup_dispatch};

GSource *wakeup_new(int priority, void (*fired)(gpointer user_data), gpointer user_data)
{
    GSource *source = g_source_new((GSourceFuncs *)&wakeup_funcs, sizeof(struct wakeup));
    struct wakeup *wakeup = (struct wakeup *)source;
    wakeup->fired = fired;
    wakeup->user_data = user_data;
    g_source_set_priority(source, priority);
    g_source_attach(source, g_main_context_get_thread_default());
    return source;
}

void wakeup_clear(GSource **source)
{
    if (!*source)
        return;
    g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}
