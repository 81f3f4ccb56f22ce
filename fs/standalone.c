/* SPDX-License-Identifier: MIT */
#include "fs/standalone.h"

#include "fs/child.h"
#include "fs/listen_address.h"
#include "fs/wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define READY_MS 5000
#define LAST_WORDS_MS 1000 /* between closing the ready descriptor and the end of a failed start   \
                            */
#define TERM_MS 1000
#define QUICK_DEATH_US (5 * G_TIME_SPAN_SECOND)
#define MOST_LINE 4096 /* bytes of its log kept as one line */

struct standalone {
    struct listen_address listen;
    char *program;
    char *title;
    char *address;
    struct child *child; /* NULL between death and restart */
    gint64 started;      /* monotonic us */
    guint quick_deaths;  /* one after the other */
    GSource *restart;
    int log_fd; /* the other end of its stderr, non-blocking; -1 = none */
    GSource *log;
    GString *line;   /* not ended yet */
    char *last_line; /* the last whole one: why a start failed */
};

/* From the n-th quick death on, ms. */
static const int restart_delays[] = {0, 100, 400, 1600, 5000};

static void end_line(struct standalone *standalone)
{
    if (!standalone->line->len)
        return;
    g_free(standalone->last_line);
    standalone->last_line = g_strndup(standalone->line->str, standalone->line->len);
    g_string_truncate(standalone->line, 0);
    if (standalone->log)
        g_message("nacos-registry: %s", standalone->last_line);
}

/* FALSE at the end of it. */
static gboolean read_log(struct standalone *standalone)
{
    char bytes[1024];
    ssize_t length;
    while ((length = read(standalone->log_fd, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < length; i++) {
            if (bytes[i] == '\n' || standalone->line->len == MOST_LINE)
                end_line(standalone);
            if (bytes[i] != '\n')
                g_string_append_c(standalone->line, bytes[i]);
        }
    if (length == 0)
        end_line(standalone);
    return length < 0 && (errno == EAGAIN || errno == EINTR);
}

static gboolean log_readable(int fd, GIOCondition condition, gpointer user_data)
{
    return read_log(user_data) ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void watch_log(struct standalone *standalone)
{
    standalone->log = g_unix_fd_source_new(standalone->log_fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
    g_source_set_callback(standalone->log, G_SOURCE_FUNC(log_readable), standalone, NULL);
    g_source_attach(standalone->log, g_main_context_get_thread_default());
}

static void close_log(struct standalone *standalone)
{
    wakeup_clear(&standalone->log);
    if (standalone->log_fd >= 0)
        close(standalone->log_fd);
    standalone->log_fd = -1;
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

static void registry_ended(struct child *child, gpointer user_data)
{
    struct standalone *standalone = user_data;
    read_log(standalone);
    g_message("nacos-registry ended (status %d) and is started again", child_status(child));
    close_log(standalone);
    g_clear_pointer(&standalone->child, child_free);
    restart_later(standalone);
}

/* `ready_fd` -1: nobody waits for it. */
static gboolean start(struct standalone *standalone, int ready_fd, char **why)
{
    g_autofree char *listen = listen_address_format(&standalone->listen);
    g_autofree char *number = g_strdup_printf("%d", CHILD_FD);
    const char *argv[] = {
        standalone->title, "--listen", listen, "--parent-death", NULL, NULL, NULL};
    if (ready_fd >= 0) {
        argv[4] = "--ready-fd";
        argv[5] = number;
    }
    int log[2];
    if (!g_unix_open_pipe(log, FD_CLOEXEC, NULL)) {
        *why = g_strdup_printf("pipe: %s", g_strerror(errno));
        return FALSE;
    }
    struct child_config config = {.program = standalone->program,
                                  .argv = argv,
                                  .fd = ready_fd,
                                  .error_fd = log[1],
                                  .ended = registry_ended,
                                  .user_data = standalone};
    standalone->child = child_new(&config, why);
    close(log[1]);
    standalone->log_fd = log[0];
    g_unix_set_fd_nonblocking(log[0], TRUE, NULL);
    standalone->started = g_get_monotonic_time();
    return standalone->child != NULL;
}

static void restart(gpointer user_data)
{
    struct standalone *standalone = user_data;
    g_autofree char *why = NULL;
    if (start(standalone, -1, &why)) {
        watch_log(standalone);
        return;
    }
    close_log(standalone);
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

/* What is written to `fd` before the newline, at most `timeout_ms` later; NULL at end of file or
 * time. Its log is emptied meanwhile, so that it cannot stand behind a full pipe. New string. */
static char *read_ready_line(struct standalone *standalone, int fd, int timeout_ms)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gint64 deadline = g_get_monotonic_time() + timeout_ms * G_TIME_SPAN_MILLISECOND;
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {standalone->log_fd, POLLIN, 0}};
    for (gint64 left; (left = deadline - g_get_monotonic_time()) > 0;) {
        if (poll(fds, G_N_ELEMENTS(fds), left / G_TIME_SPAN_MILLISECOND + 1) < 0)
            continue;
        if (fds[1].revents && !read_log(standalone))
            fds[1].fd = -1;
        if (!fds[0].revents)
            continue;
        char byte;
        if (read(fd, &byte, 1) != 1 || text->len == MOST_LINE)
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
    read_log(standalone);
    if (!ended)
        return g_strdup("nacos-registry: not ready after 5 s");
    if (!standalone->last_line)
        return g_strdup_printf("nacos-registry: ended with status %d",
                               child_status(standalone->child));
    if (g_str_has_prefix(standalone->last_line, "nacos-registry: "))
        return g_strdup(standalone->last_line);
    return g_strdup_printf("nacos-registry: %s", standalone->last_line);
}

static gboolean start_and_wait(struct standalone *standalone, char **why)
{
    int ready[2];
    if (!g_unix_open_pipe(ready, FD_CLOEXEC, NULL)) {
        *why = g_strdup_printf("pipe: %s", g_strerror(errno));
        return FALSE;
    }
    gboolean started = start(standalone, ready[1], why);
    close(ready[1]);
    g_autofree char *line = started ? read_ready_line(standalone, ready[0], READY_MS) : NULL;
    close(ready[0]);
    if (!started)
        return FALSE;
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
    if (!listen_address_parse(config->listen, &standalone->listen, why) ||
        !check_free(&standalone->listen, why))
        return FALSE;
    standalone->program = config->program ? g_strdup(config->program) : find_program();
    if (!standalone->program)
        *why = g_strdup("nacos-registry: not found beside nacosfs nor in PATH");
    return standalone->program != NULL;
}

struct standalone *standalone_new(const struct standalone_config *config, char **why)
{
    struct standalone *standalone = g_new0(struct standalone, 1);
    standalone->log_fd = -1;
    standalone->line = g_string_new(NULL);
    standalone->restart = wakeup_new(G_PRIORITY_DEFAULT, restart, standalone);
    standalone->title = g_strdup_printf("nacos-registry: %s", config->mountpoint);
    if (!prepare(standalone, config, why) || !start_and_wait(standalone, why)) {
        standalone_free(standalone);
        return NULL;
    }
    standalone->address = listen_address_for_client(&standalone->listen);
    watch_log(standalone);
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
    close_log(standalone);
    g_string_free(standalone->line, TRUE);
    g_free(standalone->last_line);
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
