/* SPDX-License-Identifier: MIT */
#include "naming/registry/httpd_source.h"

/* GLib counts and frees it as the GSource that it begins with. */
struct httpd_source {
    GSource source;
    struct MHD_Daemon *daemon; /* borrowed */
    gpointer epoll;            /* tag of the daemon's epoll descriptor */
};

/* ms until the daemon wants to run although nothing came; -1 = never. */
static gint timeout_ms(GSource *source)
{
    MHD_UNSIGNED_LONG_LONG ms;
    if (MHD_get_timeout(((struct httpd_source *)source)->daemon, &ms) != MHD_YES)
        return -1;
    return (gint)MIN(ms, G_MAXINT);
}

static gboolean httpd_prepare(GSource *source, gint *timeout)
{
    *timeout = timeout_ms(source);
    return *timeout == 0;
}

static gboolean httpd_check(GSource *source)
{
    struct httpd_source *self = (struct httpd_source *)source;
    return g_source_query_unix_fd(source, self->epoll) != 0 || timeout_ms(source) == 0;
}

static gboolean httpd_dispatch(GSource *source, GSourceFunc unused, gpointer data)
{
    g_source_set_ready_time(source, -1);
    MHD_run(((struct httpd_source *)source)->daemon);
    return G_SOURCE_CONTINUE;
}

GSource *httpd_source_new(GMainContext *context, struct MHD_Daemon *daemon)
{
    static const GSourceFuncs functions = {
        .prepare = httpd_prepare, .check = httpd_check, .dispatch = httpd_dispatch};
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    GSource *source = g_source_new((GSourceFuncs *)&functions, sizeof(struct httpd_source));
    struct httpd_source *self = (struct httpd_source *)source;
    self->daemon = daemon;
    self->epoll = g_source_add_unix_fd(source, info->epoll_fd, G_IO_IN);
    g_source_attach(source, context);
    return source;
}

void httpd_source_wake(GSource *source)
{
    g_source_set_ready_time(source, 0);
}
