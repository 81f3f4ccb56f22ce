/* SPDX-License-Identifier: MIT */
#include "naming/http_watch.h"

struct http_watch {
    GSource source;
    int fd;
    gpointer tag;
    http_ready_fn ready;
    gpointer user_data;
};

static gboolean watch_dispatch(GSource *source, GSourceFunc unused, gpointer none)
{
    struct http_watch *watch = (struct http_watch *)source;
    watch->ready(watch->fd, g_source_query_unix_fd(source, watch->tag), watch->user_data);
    return G_SOURCE_CONTINUE;
}

static const GSourceFuncs watch_functions = {.dispatch = watch_dispatch};

struct http_watch *http_watch_new(GMainContext *context, int fd, http_ready_fn ready,
                                  gpointer user_data)
{
    struct http_watch *watch = (struct http_watch *)g_source_new((GSourceFuncs *)&watch_functions,
                                                                 sizeof(struct http_watch));
    watch->fd = fd;
    watch->ready = ready;
    watch->user_data = user_data;
    watch->tag = g_source_add_unix_fd(&watch->source, fd, 0);
    g_source_set_static_name(&watch->source, "http socket");
    g_source_attach(&watch->source, context);
    return watch;
}

void http_watch_set(struct http_watch *watch, GIOCondition condition)
{
    g_source_modify_unix_fd(&watch->source, watch->tag, condition);
}

void http_watch_free(struct http_watch *watch)
{
    g_source_destroy(&watch->source);
    g_source_unref(&watch->source);
}

struct http_timer {
    GSource source;
    http_due_fn due;
    gpointer user_data;
};

static gboolean timer_dispatch(GSource *source, GSourceFunc unused, gpointer none)
{
    struct http_timer *timer = (struct http_timer *)source;
    g_source_set_ready_time(source, -1);
    timer->due(timer->user_data);
    return G_SOURCE_CONTINUE;
}

static const GSourceFuncs timer_functions = {.dispatch = timer_dispatch};

struct http_timer *http_timer_new(GMainContext *context, http_due_fn due, gpointer user_data)
{
    struct http_timer *timer = (struct http_timer *)g_source_new((GSourceFuncs *)&timer_functions,
                                                                 sizeof(struct http_timer));
    timer->due = due;
    timer->user_data = user_data;
    g_source_set_static_name(&timer->source, "http timer");
    g_source_attach(&timer->source, context);
    return timer;
}

void http_timer_set(struct http_timer *timer, gint64 at)
{
    g_source_set_ready_time(&timer->source, at);
}

void http_timer_free(struct http_timer *timer)
{
    g_source_destroy(&timer->source);
    g_source_unref(&timer->source);
}
