/* SPDX-License-Identifier: MIT */
#include "fs/standalone.h"

#include "fs/child.h"
#include "fs/listen_address.h"
#include "fs/registry_log.h"
#include "fs/wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define READY_MS 5000
#define LAST_WORDS_MS                                                                              \
    1000 /* between closing the ready descriptor and the end of a failed start                     \
          */
#define TERM_MS 1000
#define QUICK_DEATH_US (5 * G_TIME_SPAN_SECOND)
#define MOST_LINE 4096 /* bytes before the newline by which it is ready */

struct standalone {
    struct listen_address listen;
    char *program;
    char *title;
    char *address;
    struct child *child; /* NULL between death and restart */
    gint64 started;      /* monotonic us */
    guint quick_deaths;  /* one after the other */
    GSource *restart;
    int ready_fd; /* where it says that it is ready: open until then, or it takes itself for an
                     orphan */
    GSource *ready;
    struct registry_log log;
    int alive_fd;
    void (*changed)(pid_t pid, gpointer user_data);
    gpointer user_data;
};

/* From the n-th quick death on, ms. */
static const int restart_delays[] = {0, 100, 400, 1600, 5000};

static void drop_ready(struct standalone *standalone)
{
    wakeup_clear(&standalone->ready);
    if (standalone->ready_fd >= 0)
        close(standalone->ready_fd);
    standalone->ready_fd = -1;
}

static void drop_pipes(struct standalone *standalone)
{
    drop_ready(standalone);
    registry_log_drop(&standalone->log);
}

static gboolean ready_readable(int fd, GIOCondition condition, gpointer user_data)
{
    drop_ready(user_data);
    return G_SOURCE_REMOVE;
}

/* After a restart nobody waits for what it says there. */
static void watch_ready(struct standalone *standalone)
{
    standalone->ready = g_unix_fd_source_new(standalone->ready_fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
    g_source_set_callback(standalone->ready, G_SOURCE_FUNC(ready_readable), standalone, NULL);
    g_source_attach(standalone->ready, g_main_context_get_thread_default());
}

static void restart_later(struct standalone *standalone)
{
    gint64 now = g_get_monotonic_time();
    gboolean quick = now - standalone->started < QUICK_DEATH_US;
    standalone->quick_deaths = quick ? standalone->quick_deaths + 1 : 1;
    guint last = G_N_ELEMENTS(restart_delays) - 1;
    int delay = restart_delays[MIN(standalone->quick_deaths - 1, last)];
    g_source_set_ready_time(standalone->restart, now + delay * G_TIME_SPAN_MILLISECOND);
}

static void tell_changed(const struct standalone *standalone)
{
    if (standalone->changed)
        standalone->changed(standalone_pid(standalone), standalone->user_data);
}

static void registry_ended(struct child *child, gpointer user_data)
{
    struct standalone *standalone = user_data;
    registry_log_read(&standalone->log);
    g_message("nacos-registry ended (status %d) and is started again", child_status(child));
    drop_pipes(standalone);
    g_clear_pointer(&standalone->child, child_free);
    tell_changed(standalone);
    restart_later(standalone);
}

static gboolean spawn(struct standalone *standalone, int ready, int log, char **why)
{
    g_autofree char *listen = listen_address_format(&standalone->listen);
    g_autofree char *number = g_strdup_printf("%d", CHILD_FD);
    g_autofree char *alive = g_strdup_printf("%d", CHILD_FD + 1);
    const char *const argv[] = {standalone->title, "--listen", listen, "--ready-fd", number,
                                "--alive-fd",      alive,      NULL};
    struct child_config config = {.program = standalone->program,
                                  .argv = argv,
                                  .fd = ready,
                                  .error_fd = log,
                                  .ended = registry_ended,
                                  .user_data = standalone,
                                  .n_more = 1,
                                  .more = {standalone->alive_fd}};
    standalone->started = g_get_monotonic_time();
    standalone->child = child_new(&config, why);
    if (standalone->child)
        tell_changed(standalone);
    return standalone->child != NULL;
}

/* Its end of the pipe, -1 and a reason in *why if there is none. */
static int open_pipe(int *our_end, char **why)
{
    int ends[2], high;
    if (pipe2(ends, O_CLOEXEC)) {
        *why = g_strdup_printf("pipe: %s", g_strerror(errno));
        return -1;
    }
    *our_end = ends[0];
    fcntl(*our_end, F_SETFL, O_NONBLOCK);
    high = fcntl(ends[1], F_DUPFD_CLOEXEC, CHILD_SAFE_FD);
    close(ends[1]);
    return high;
}

static gboolean start(struct standalone *standalone, char **why)
{
    int ready = open_pipe(&standalone->ready_fd, why);
    int log = ready < 0 ? -1 : open_pipe(&standalone->log.fd, why);
    gboolean started = log >= 0 && spawn(standalone, ready, log, why);
    if (ready >= 0)
        close(ready);
    if (log >= 0)
        close(log);
    if (!started)
        drop_pipes(standalone);
    return started;
}

static void restart(gpointer user_data)
{
    struct standalone *standalone = user_data;
    g_autofree char *why = NULL;
    if (start(standalone, &why)) {
        registry_log_watch(&standalone->log);
        watch_ready(standalone);
        return;
    }
    g_message("cannot start nacos-registry: %s", why);
    restart_later(standalone);
}

/* Takes the port from "ADDR:PORT". */
static gboolean take_port(struct standalone *standalone, const char *text)
{
    const char *colon = strrchr(text, ':');
    guint64 port;
    if (!colon || !g_ascii_string_to_unsigned(colon + 1, 10, 1, G_MAXUINT16, &port, NULL))
        return FALSE;
    standalone->listen.port = port;
    return TRUE;
}

/* What it says before the newline, READY_MS later at most; NULL at end of file or time. Its log is
 * emptied meanwhile, so that it cannot stand behind a full pipe. New string. */
static char *read_ready_line(struct standalone *standalone)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gint64 deadline = g_get_monotonic_time() + READY_MS * G_TIME_SPAN_MILLISECOND;
    struct pollfd fds[] = {{standalone->ready_fd, POLLIN, 0}, {standalone->log.fd, POLLIN, 0}};
    for (gint64 left; (left = deadline - g_get_monotonic_time()) > 0;) {
        if (poll(fds, G_N_ELEMENTS(fds), left / G_TIME_SPAN_MILLISECOND + 1) < 0)
            continue;
        if (fds[1].revents && !registry_log_read(&standalone->log))
            fds[1].fd = -1;
        if (!fds[0].revents)
            continue;
        char byte;
        if (read(standalone->ready_fd, &byte, 1) != 1 || text->len == MOST_LINE)
            return NULL;
        if (byte == '\n')
            return g_string_free(g_steal_pointer(&text), FALSE);
        g_string_append_c(text, byte);
    }
    return NULL;
}

static char *say_failure(struct standalone *standalone)
{
    gboolean ended = child_wait(standalone->child, LAST_WORDS_MS);
    registry_log_read(&standalone->log);
    if (!ended)
        return g_strdup("nacos-registry: not ready after 5 s");
    char *last = registry_log_last(&standalone->log);
    return last ? last
                : g_strdup_printf("nacos-registry: ended with status %d",
                                  child_status(standalone->child));
}

/* One that an earlier keeper started: its log went to that one and ends. */
static gboolean adopt(struct standalone *standalone, pid_t pid, char **why)
{
    standalone->started = g_get_monotonic_time();
    standalone->child = child_adopt(pid, registry_ended, standalone, why);
    return standalone->child != NULL;
}

static gboolean start_and_wait(struct standalone *standalone, char **why)
{
    if (!start(standalone, why))
        return FALSE;
    g_autofree char *line = read_ready_line(standalone);
    drop_ready(standalone);
    if (line && take_port(standalone, line))
        return TRUE;
    *why = say_failure(standalone);
    return FALSE;
}

static char *find_program(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *directory = self ? g_path_get_dirname(self) : g_strdup("/");
    char *beside = g_build_filename(directory, "nacos-registry", NULL);
    if (!access(beside, X_OK))
        return beside;
    g_free(beside);
    return g_find_program_in_path("nacos-registry");
}

static gboolean check_free(const struct listen_address *listen, char **why)
{
    int error = listen->port ? listen_address_try(listen) : 0;
    if (!error)
        return TRUE;
    g_autofree char *address = listen_address_format(listen);
    g_autofree char *mount = listen_address_for_client(listen);
    if (error == EADDRINUSE)
        *why = g_strdup_printf("%s is in use; if a Nacos server runs there, mount it: nacosfs %s "
                               "MOUNTPOINT, or choose another port with -o listen=ADDR:PORT",
                               address, mount);
    else
        *why = g_strdup_printf("listen=%s: %s", address, g_strerror(error));
    return FALSE;
}

static gboolean prepare(struct standalone *standalone, const struct standalone_config *config,
                        char **why)
{
    if (!listen_address_parse(config->listen, &standalone->listen, why))
        return FALSE;
    if (!config->running && !check_free(&standalone->listen, why))
        return FALSE;
    standalone->program = config->program ? g_strdup(config->program) : find_program();
    if (!standalone->program)
        *why = g_strdup("nacos-registry: not found beside nacosfs nor in PATH");
    return standalone->program != NULL;
}

struct standalone *standalone_new(const struct standalone_config *config, char **why)
{
    struct standalone *standalone = g_new0(struct standalone, 1);
    standalone->ready_fd = -1;
    registry_log_init(&standalone->log);
    standalone->restart = wakeup_new(G_PRIORITY_DEFAULT, restart, standalone);
    standalone->alive_fd = config->alive_fd;
    standalone->changed = config->changed;
    standalone->user_data = config->user_data;
    standalone->title = g_strdup_printf("nacos-registry: %s", config->mountpoint);
    if (!prepare(standalone, config, why) ||
        !(config->running ? adopt(standalone, config->running, why)
                          : start_and_wait(standalone, why))) {
        standalone_free(standalone);
        return NULL;
    }
    standalone->address = listen_address_for_client(&standalone->listen);
    if (!config->running)
        registry_log_watch(&standalone->log);
    return standalone;
}

void standalone_free(struct standalone *standalone)
{
    if (!standalone)
        return;
    wakeup_clear(&standalone->restart);
    if (standalone->child) {
        child_kill(standalone->child, SIGTERM);
        child_wait(standalone->child, TERM_MS);
        child_free(standalone->child);
    }
    drop_pipes(standalone);
    registry_log_clear(&standalone->log);
    g_free(standalone->program);
    g_free(standalone->title);
    g_free(standalone->address);
    g_free(standalone);
}

const char *standalone_address(const struct standalone *standalone)
{
    return standalone->address;
}

pid_t standalone_pid(const struct standalone *standalone)
{
    return standalone->child ? child_pid(standalone->child) : 0;
}
