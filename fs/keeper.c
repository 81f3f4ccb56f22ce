/* SPDX-License-Identifier: MIT */
#include "fs/keeper.h"

#include "fs/child.h"
#include "fs/control.h"
#include "fs/deaths.h"
#include "fs/mounting.h"
#include "fs/standalone.h"
#include "fs/state.h"
#include "fs/wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define SELF "/proc/self/exe" /* our own file, whatever stands at its path by now */
#define GOODBYE_US                                                                                 \
    (2600 * G_TIME_SPAN_MILLISECOND) /* until a daemon that was told to end is killed */
#define LOOK_MS 1000                 /* between two looks at the daemon's ticks */
#define HUNG_AFTER 10                /* looks without a tick */

struct keeper {
    const struct keeper_config *config;
    struct mounting mounting;
    int state; /* memfd */
    int alive[2];
    struct state_shared *shared;
    struct standalone *registry; /* NULL unless SOURCE is standalone */
    struct child *daemon;        /* NULL between death and restart */
    int control;                 /* socket to it; -1 = none */
    GSource *words;
    GSource *restart;
    GSource *goodbye;
    struct deaths deaths;
    gboolean was_ready; /* a daemon has been: the start succeeded */
    gboolean quitting;
    gboolean hung;     /* killed by us for that */
    guint64 last_tick; /* at the last look */
    guint silent;      /* looks since it changed */
    int signals;       /* signalfd */
    char *why;         /* the start fails: one line */
    GMainLoop *loop;
    int status;
};

/* --- the daemon ---------------------------------------------------------------------------- */

static void drop_control(struct keeper *keeper)
{
    wakeup_clear(&keeper->words);
    if (keeper->control >= 0)
        close(keeper->control);
    keeper->control = -1;
}

static void end_with(struct keeper *keeper, int status)
{
    keeper->status = status;
    g_main_loop_quit(keeper->loop);
}

static void take_word(struct keeper *keeper, enum control_word word, char *text)
{
    if (word == CONTROL_READY && !keeper->was_ready) {
        keeper->was_ready = TRUE;
        keeper->config->ready(keeper->config->user_data);
    } else if (word == CONTROL_ERROR) {
        g_free(keeper->why);
        keeper->why = g_strdup(text);
    }
}

static void take_words(struct keeper *keeper)
{
    enum control_word word;
    do {
        g_autofree char *text = NULL;
        word = control_receive(keeper->control, &text);
        take_word(keeper, word, text);
    } while (word > CONTROL_NOTHING);
}

static gboolean words_came(int fd, GIOCondition condition, gpointer user_data)
{
    struct keeper *keeper = user_data;
    take_words(keeper);
    return condition & (G_IO_HUP | G_IO_ERR) ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

static void watch_control(struct keeper *keeper, int fd)
{
    keeper->control = fd;
    keeper->words = g_unix_fd_source_new(fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
    g_source_set_callback(keeper->words, G_SOURCE_FUNC(words_came), keeper, NULL);
    g_source_attach(keeper->words, NULL);
}

/* "nacosfs --daemon MOUNTPOINT" and the arguments that we were given: how the options come over,
 * and what ps shows. New array, strings borrowed but for none. */
static GPtrArray *daemon_argv(const struct keeper *keeper)
{
    GPtrArray *argv = g_ptr_array_new();
    g_ptr_array_add(argv, "nacosfs");
    g_ptr_array_add(argv, "--daemon");
    g_ptr_array_add(argv, keeper->mounting.mountpoint);
    for (char **argument = keeper->config->arguments; *argument; argument++)
        g_ptr_array_add(argv, *argument);
    g_ptr_array_add(argv, NULL);
    return argv;
}

static void daemon_ended(struct child *child, gpointer user_data);

static gboolean spawn_daemon(struct keeper *keeper, int control, char **why)
{
    g_autoptr(GPtrArray) argv = daemon_argv(keeper);
    int high = fcntl(control, F_DUPFD_CLOEXEC, CHILD_SAFE_FD);
    struct child_config config = {
        .program = SELF,
        .argv = (const char *const *)argv->pdata,
        .fd = high,
        .error_fd = -1,
        .ended = daemon_ended,
        .user_data = keeper,
        .n_more = KEEPER_FD_ALIVE - KEEPER_FD_CONTROL,
        .more = {keeper->mounting.fd, keeper->state, keeper->alive[1]},
    };
    keeper->daemon = high < 0 ? NULL : child_new(&config, why);
    if (high >= 0)
        close(high);
    return keeper->daemon != NULL;
}

static gboolean start_daemon(struct keeper *keeper, char **why)
{
    int ends[2];
    keeper->shared->ready = 0;
    keeper->shared->farewell = FAREWELL_NONE;
    keeper->silent = 0;
    keeper->hung = FALSE;
    if (!control_pair(ends)) {
        *why = g_strdup_printf("socketpair: %s", g_strerror(errno));
        return FALSE;
    }
    gboolean started = spawn_daemon(keeper, ends[1], why);
    close(ends[1]);
    if (started)
        watch_control(keeper, ends[0]);
    else
        close(ends[0]);
    return started;
}

static void restart_later(struct keeper *keeper, int delay_ms)
{
    g_source_set_ready_time(keeper->restart,
                            g_get_monotonic_time() + delay_ms * G_TIME_SPAN_MILLISECOND);
}

/* What a daemon before 6.9 had taken is lost with it: its callers are freed, and the mount is made
 * anew. Registrations are kept, open files and watches end. */
static gboolean make_anew(struct keeper *keeper, char **why)
{
    g_autofree char *mountpoint = g_strdup(keeper->mounting.mountpoint);
    g_warning("this kernel cannot resend the requests that the dead daemon had taken: they end "
              "with ECONNABORTED, and %s is mounted anew",
              mountpoint);
    mounting_end(&keeper->mounting);
    keeper->shared->remounted = 1;
    keeper->shared->taken = 0;
    return mounting_make(&keeper->mounting, keeper->config->fuse_args, mountpoint, why);
}

static void restart(gpointer user_data)
{
    struct keeper *keeper = user_data;
    g_autofree char *why = NULL;
    gboolean lost = keeper->shared->no_resend && keeper->shared->taken;
    keeper->shared->restarts++;
    if (lost && !make_anew(keeper, &why)) {
        g_critical("cannot mount anew: %s", why);
        end_with(keeper, 1);
    } else if (!start_daemon(keeper, &why)) {
        g_critical("cannot start the daemon: %s", why);
        restart_later(keeper, LOOK_MS);
    }
}

/* It was not ordered to end, and the mount is still there. */
static void daemon_died(struct keeper *keeper, int status)
{
    gboolean killed = (status < 0 || status == 128 + SIGKILL) && !keeper->hung;
    int delay = deaths_note(&keeper->deaths, keeper->shared, !killed, g_get_monotonic_time());
    g_message("the daemon ended (status %d)", status);
    if (delay < 0) {
        g_critical("the daemon died %d times within a minute: %s is unmounted", DEATHS_MOST,
                   keeper->mounting.mountpoint);
        end_with(keeper, 1);
        return;
    }
    restart_later(keeper, delay);
}

static void daemon_ended(struct child *child, gpointer user_data)
{
    struct keeper *keeper = user_data;
    int status = child_status(child);
    guint64 farewell = keeper->shared->farewell;
    take_words(keeper);
    drop_control(keeper);
    g_clear_pointer(&keeper->daemon, child_free);
    if (keeper->quitting || farewell == FAREWELL_DONE || mounting_is_over(&keeper->mounting))
        end_with(keeper, 0);
    else if (!keeper->was_ready)
        end_with(keeper, 1);
    else
        daemon_died(keeper, status);
}

/* Helpers whose daemon died are ours now (PR_SET_CHILD_SUBREAPER). Our own children are reaped by
 * those who watch them. */
static void reap_strangers(const struct keeper *keeper)
{
    siginfo_t info = {0};
    pid_t registry = keeper->registry ? standalone_pid(keeper->registry) : 0;
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid) {
        if (info.si_pid == registry || (keeper->daemon && info.si_pid == child_pid(keeper->daemon)))
            return; /* its end is noticed in this turn; the others at the next look */
        waitpid(info.si_pid, NULL, WNOHANG);
        info.si_pid = 0;
    }
}

/* A loop that does not turn serves nobody, and nobody would notice: readers wait. */
static gboolean look(gpointer user_data)
{
    struct keeper *keeper = user_data;
    guint64 tick = keeper->shared->ticks;
    reap_strangers(keeper);
    keeper->silent = tick == keeper->last_tick ? keeper->silent + 1 : 0;
    keeper->last_tick = tick;
    if (!keeper->daemon || keeper->silent < HUNG_AFTER)
        return G_SOURCE_CONTINUE;
    g_warning("the daemon has not turned its loop for %d s and is replaced", HUNG_AFTER);
    keeper->hung = TRUE;
    keeper->silent = 0;
    child_kill(keeper->daemon, SIGKILL);
    return G_SOURCE_CONTINUE;
}

/* --- signals ------------------------------------------------------------------------------- */

static void goodbye_over(gpointer user_data)
{
    struct keeper *keeper = user_data;
    end_with(keeper, 0);
}

static void quit(struct keeper *keeper)
{
    if (keeper->quitting) { /* asked twice: now */
        end_with(keeper, 1);
        return;
    }
    keeper->quitting = TRUE;
    if (!keeper->daemon) {
        end_with(keeper, 0);
        return;
    }
    control_send(keeper->control, CONTROL_QUIT, NULL);
    g_source_set_ready_time(keeper->goodbye, g_get_monotonic_time() + GOODBYE_US);
}

static gboolean signalled(gint fd, GIOCondition condition, gpointer user_data)
{
    struct keeper *keeper = user_data;
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof info) != sizeof info)
        return G_SOURCE_CONTINUE;
    switch (info.ssi_signo) {
    case SIGCHLD:
        reap_strangers(keeper);
        break;
    case SIGHUP:
        control_send(keeper->control, CONTROL_RELOAD, NULL);
        break;
    default:
        g_message("%s", g_strsignal((int)info.ssi_signo));
        quit(keeper);
    }
    return G_SOURCE_CONTINUE;
}

static int open_signals(struct keeper *keeper)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    keeper->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (keeper->signals < 0)
        return errno;
    g_unix_fd_add(keeper->signals, G_IO_IN, signalled, keeper);
    return 0;
}

/* --- building ------------------------------------------------------------------------------ */

static void registry_changed(pid_t pid, gpointer user_data)
{
    struct keeper *keeper = user_data;
    keeper->shared->registry_pid = (guint64)pid;
}

/* The registry ends when neither keeper nor daemon holds the other end of this pipe any more. */
static gboolean open_alive(struct keeper *keeper, char **why)
{
    if (pipe2(keeper->alive, O_CLOEXEC) == 0) {
        for (int i = 0; i < 2; i++) {
            int high = fcntl(keeper->alive[i], F_DUPFD_CLOEXEC, CHILD_SAFE_FD);
            close(keeper->alive[i]);
            keeper->alive[i] = high;
        }
        return TRUE;
    }
    *why = g_strdup_printf("pipe: %s", g_strerror(errno));
    return FALSE;
}

static gboolean open_registry(struct keeper *keeper, char **why)
{
    const struct mount_options *options = keeper->config->options;
    if (strcmp(options->source, "standalone") != 0)
        return TRUE;
    const struct standalone_config config = {.listen = options->listen,
                                             .mountpoint = options->mountpoint,
                                             .alive_fd = keeper->alive[0],
                                             .changed = registry_changed,
                                             .user_data = keeper};
    keeper->registry = standalone_new(&config, why);
    if (!keeper->registry)
        return FALSE;
    g_strlcpy(keeper->shared->address, standalone_address(keeper->registry),
              sizeof keeper->shared->address);
    return TRUE;
}

static gboolean open_state(struct keeper *keeper, char **why)
{
    int fd = state_create();
    keeper->state = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, CHILD_SAFE_FD);
    if (fd >= 0)
        close(fd);
    if (keeper->state < 0) {
        *why = g_strdup_printf("memfd: %s", g_strerror(errno));
        return FALSE;
    }
    keeper->shared = state_map_shared(keeper->state, why);
    if (keeper->shared)
        keeper->shared->keeper_pid = (guint64)getpid();
    return keeper->shared != NULL;
}

static gboolean begin(struct keeper *keeper, char **why)
{
    const struct mount_options *options = keeper->config->options;
    return open_alive(keeper, why) && open_state(keeper, why) && open_registry(keeper, why) &&
           mounting_make(&keeper->mounting, keeper->config->fuse_args, options->mountpoint, why) &&
           start_daemon(keeper, why);
}

static void open_loop(struct keeper *keeper)
{
    keeper->loop = g_main_loop_new(NULL, FALSE);
    keeper->restart = wakeup_new(G_PRIORITY_DEFAULT, restart, keeper);
    keeper->goodbye = wakeup_new(G_PRIORITY_DEFAULT, goodbye_over, keeper);
    g_timeout_add(LOOK_MS, look, keeper);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* The daemon is killed before the descriptor is closed: it may hold the mount's last requests. */
static void close_all(struct keeper *keeper)
{
    drop_control(keeper);
    child_free(keeper->daemon);
    if (keeper->mounting.mountpoint)
        mounting_end(&keeper->mounting);
    standalone_free(keeper->registry);
    state_unmap_shared(keeper->shared);
    wakeup_clear(&keeper->restart);
    wakeup_clear(&keeper->goodbye);
    g_main_loop_unref(keeper->loop);
    g_free(keeper->why);
}

int keeper_run(const struct keeper_config *config)
{
    struct keeper keeper = {
        .config = config, .state = -1, .alive = {-1, -1}, .control = -1, .status = 1};
    open_loop(&keeper);
    if (open_signals(&keeper) == 0 && begin(&keeper, &keeper.why))
        g_main_loop_run(keeper.loop);
    if (keeper.why && !keeper.was_ready)
        dprintf(config->errors, "nacosfs: %s\n", keeper.why);
    close_all(&keeper);
    return keeper.status;
}
