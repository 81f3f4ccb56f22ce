/* SPDX-License-Identifier: MIT */
#include "naming/registry/alarm.h"

#include "naming/registry/timeline.h"

/* GLib counts and frees it as the GSource that it begins with. */
struct alarm {
    GSource source;
    alarm_fn fn;
    gpointer user_data;
};

static gboolean alarm_dispatch(GSource *source, GSourceFunc unused, gpointer data)
{
    struct alarm *alarm = (struct alarm *)source;
    g_source_set_ready_time(source, -1);
    alarm->fn(alarm->user_data);
    return G_SOURCE_CONTINUE;
}

GSource *alarm_new(GMainContext *context, alarm_fn fn, gpointer user_data)
{
    static const GSourceFuncs functions = {.dispatch = alarm_dispatch};
    GSource *source = g_source_new((GSourceFuncs *)&functions, sizeof(struct alarm));
    struct alarm *alarm = (struct alarm *)source;
    alarm->fn = fn;
    alarm->user_data = user_data;
    g_source_attach(source, context);
    return source;
}

void alarm_free(GSource *alarm)
{
    if (!alarm)
        return;
    g_source_destroy(alarm);
    g_source_unref(alarm);
}

void alarm_set(GSource *alarm, gint64 due)
{
    g_source_set_ready_time(alarm, due == TIMELINE_NEVER ? -1 : MAX(due, 0));
}
