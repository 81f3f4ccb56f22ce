/* SPDX-License-Identifier: MIT */
#include "fs/keeper_private.h"

#include "fs/wakeup.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define GOODBYE_US                                                                                 \
    (2600 * G_TIME_SPAN_MILLISECOND) /* until a daemon that was told to end is killed */
#define LOOK_MS 1000                 /* between two looks at the daemon's ticks */
#define HUNG_AFTER 10                /* looks without a tick */

void keeper_end(struct keeper *keeper, int status)
{
    keeper->status = status;
    g_main_loop_quit(keeper->loop);
}

/* --- looks --------------------------------------------------------------------------------- */

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
    keeper_end(keeper, 0);
}

static void quit(struct keeper *keeper)
{
    if (keeper->quitting) { /* asked twice: now */
        keeper_end(keeper, 1);
        return;
    }
    keeper->quitting = TRUE;
    if (!keeper->daemon) {
        keeper_end(keeper, 0);
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

/* --- life ---------------------------------------------------------------------------------- */

static void open_loop(struct keeper *keeper)
{
    keeper->loop = g_main_loop_new(NULL, FALSE);
    keeper_daemon_init(keeper);
    keeper->goodbye = wakeup_new(G_PRIORITY_DEFAULT, goodbye_over, keeper);
    g_timeout_add(LOOK_MS, look, keeper);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static void close_loop(struct keeper *keeper)
{
    keeper_daemon_clear(keeper);
    wakeup_clear(&keeper->goodbye);
    g_main_loop_unref(keeper->loop);
}

int keeper_run(const struct keeper_config *config)
{
    struct keeper keeper = {.config = config,
                            .state = -1,
                            .alive = {-1, -1},
                            .control = -1,
                            .asker = -1,
                            .program = -1,
                            .fallback = -1,
                            .status = 1};
    if (config->takes_over)
        keeper_take_descriptors(&keeper);
    open_loop(&keeper);
    gboolean opened = open_signals(&keeper) == 0 && keeper_open(&keeper) && keeper_begin(&keeper);
    if (opened)
        g_main_loop_run(keeper.loop);
    if (keeper.fallback >= 0) /* whatever went wrong here, the one before us can go on */
        keeper_become(&keeper, keeper.fallback, -1);
    if (keeper.why && !keeper.was_ready)
        dprintf(config->errors, "nacosfs: %s\n", keeper.why);
    close_loop(&keeper);
    keeper_close(&keeper);
    return keeper.status;
}
