/* SPDX-License-Identifier: MIT */
#include "watcher.h"

#include "fs/mirror_helper.h"
#include "fs/wakeup.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void nothing(gpointer user_data)
{
}

void turn_loop(void)
{
    GSource *timer = wakeup_new(G_PRIORITY_DEFAULT, nothing, NULL);
    g_source_set_ready_time(timer, g_get_monotonic_time() + 20 * G_TIME_SPAN_MILLISECOND);
    g_main_context_iteration(NULL, TRUE);
    wakeup_clear(&timer);
}

void run_loop(int ms)
{
    gint64 deadline = g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND;
    while (g_get_monotonic_time() < deadline)
        turn_loop();
}

static void print_event(const struct inotify_event *event)
{
    static const struct {
        guint32 mask;
        const char *name;
    } names[] = {{IN_OPEN, "OPEN"},      {IN_MODIFY, "MODIFY"}, {IN_CLOSE_WRITE, "CLOSE_WRITE"},
                 {IN_CREATE, "CREATE"},  {IN_DELETE, "DELETE"}, {IN_ATTRIB, "ATTRIB"},
                 {IN_UNMOUNT, "UNMOUNT"}};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (event->mask & names[i].mask)
            dprintf(CHILD_FD, "%s %s\n", names[i].name, event->len ? event->name : ".");
}

static int watch(const char *path, gboolean watched)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int inotify = inotify_init1(IN_CLOEXEC);
    struct stat stat_buffer;
    int failed =
        watched ? inotify_add_watch(inotify, path, IN_ALL_EVENTS) < 0 : stat(path, &stat_buffer);
    if (failed)
        dprintf(CHILD_FD, "error %d\n", errno);
    dprintf(CHILD_FD, "ready\n");
    char buffer[65536] __attribute__((aligned(8)));
    ssize_t length;
    while ((length = read(inotify, buffer, sizeof buffer)) > 0)
        for (char *p = buffer; p < buffer + length;) {
            const struct inotify_event *event = (const struct inotify_event *)p;
            print_event(event);
            p += sizeof *event + event->len;
        }
    return 1;
}

gboolean watcher_or_helper_main(int argc, char **argv, int *status)
{
    if (argc == 4 && g_str_equal(argv[1], "--mirror-helper"))
        *status = mirror_helper_main(atoi(argv[3]), argv[2]);
    else if (argc == 3 && g_str_equal(argv[1], "--watch"))
        *status = watch(argv[2], TRUE);
    else if (argc == 3 && g_str_equal(argv[1], "--stat"))
        *status = watch(argv[2], FALSE);
    else
        return FALSE;
    return TRUE;
}

static void ended(struct child *child, gpointer user_data)
{
}

static struct child *start(const char *const *argv, int *socket)
{
    int pair[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
    struct child_config config = {
        .program = "/proc/self/exe", .argv = argv, .fd = pair[1], .error_fd = -1, .ended = ended};
    g_autofree char *why = NULL;
    struct child *child = child_new(&config, &why);
    g_assert_cmpstr(why, ==, NULL);
    close(pair[1]);
    *socket = pair[0];
    return child;
}

static gboolean readable(int fd, GIOCondition condition, gpointer user_data)
{
    struct watcher *watcher = user_data;
    char text[4096];
    ssize_t length = read(fd, text, sizeof text);
    if (length > 0)
        g_string_append_len(watcher->text, text, length);
    return length > 0;
}

struct watcher *watcher_new(const char *path, gboolean watched)
{
    struct watcher *watcher = g_new0(struct watcher, 1);
    const char *const argv[] = {"watcher", watched ? "--watch" : "--stat", path, NULL};
    watcher->child = start(argv, &watcher->socket);
    watcher->text = g_string_new(NULL);
    watcher->source = g_unix_fd_source_new(watcher->socket, G_IO_IN | G_IO_HUP);
    g_source_set_callback(watcher->source, G_SOURCE_FUNC(readable), watcher, NULL);
    g_source_attach(watcher->source, NULL);
    WAIT_UNTIL(strstr(watcher->text->str, "ready\n"));
    if (g_str_has_prefix(watcher->text->str, "ready\n"))
        watcher_clear(watcher);
    return watcher;
}

void watcher_clear(struct watcher *watcher)
{
    g_string_truncate(watcher->text, 0);
}

void watcher_free(struct watcher *watcher)
{
    wakeup_clear(&watcher->source);
    close(watcher->socket);
    child_kill(watcher->child, SIGKILL);
    child_wait(watcher->child, 1000);
    child_free(watcher->child);
    g_string_free(watcher->text, TRUE);
    g_free(watcher);
}

struct child *impostor_new(const char *mountpoint, int *socket)
{
    const char *const argv[] = {"impostor", "--mirror-helper", mountpoint, "3", NULL};
    return start(argv, socket);
}
