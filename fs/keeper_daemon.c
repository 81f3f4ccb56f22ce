/* SPDX-License-Identifier: MIT */
#include "fs/keeper_private.h"

#include "fs/fdstore.h"
#include "fs/wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <unistd.h>

#define SELF "/proc/self/exe" /* our own file, whatever stands at its path by now */
#define RETRY_MS 1000         /* until a daemon that could not be started is tried again */

static void drop_control(struct keeper *keeper)
{
    wakeup_clear(&keeper->words);
    if (keeper->control >= 0)
        close(keeper->control);
    keeper->control = -1;
}

static void daemon_is_ready(struct keeper *keeper)
{
    if (keeper->program <
        0) /* else it is the one that is to leave, and was asked to before it said so */
        keeper_answer(keeper, NULL);
    if (keeper->fallback >= 0)
        close(keeper->fallback);
    keeper->fallback = -1;
    if (keeper->was_ready)
        return;
    keeper->was_ready = TRUE;
    fdstore_put(keeper->mounting.fd, keeper->state);
    keeper->config->ready(keeper->config->user_data);
}

static void take_word(struct keeper *keeper, enum control_word word, char *text)
{
    if (word == CONTROL_READY) {
        daemon_is_ready(keeper);
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

static void daemon_ended(struct child *child, gpointer user_data);

static gboolean spawn_daemon(struct keeper *keeper, int control, char **why)
{
    g_autoptr(GPtrArray) argv =
        control_argv("--daemon", keeper->mounting.mountpoint, keeper->config->arguments);
    int high = fcntl(control, F_DUPFD_CLOEXEC, CHILD_SAFE_FD);
    struct child_config config = {
        .program = SELF,
        .argv = (const char *const *)argv->pdata,
        .fd = high,
        .error_fd = -1,
        .ended = daemon_ended,
        .user_data = keeper,
        .n_more = KEEPER_FD_LAST - KEEPER_FD_CONTROL,
        .more = {keeper->mounting.fd, keeper->state, keeper->alive[1], keeper->alive[0]},
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
        keeper_end(keeper, 1);
    } else if (!start_daemon(keeper, &why)) {
        g_critical("cannot start the daemon: %s", why);
        restart_later(keeper, RETRY_MS);
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
        keeper_end(keeper, 1);
        return;
    }
    restart_later(keeper, delay);
}

static void end_well(struct keeper *keeper)
{
    keeper_answer(keeper, "the mount has ended");
    fdstore_remove();
    if (keeper->fallback >= 0)
        close(keeper->fallback);
    keeper->fallback = -1;
    keeper_end(keeper, 0);
}

/* Our daemon cannot take over: keeper_run() goes back to the binary before us. */
static void fall_back(struct keeper *keeper)
{
    g_warning("the new nacosfs cannot take over: %s", keeper->why ? keeper->why : "it has died");
    keeper_answer(keeper, keeper->why ? keeper->why : "the new daemon has died");
    g_main_loop_quit(keeper->loop);
}

/* The daemon has left, or died over it, which comes to the same: the new binary goes on. */
static void step_aside(struct keeper *keeper)
{
    int self = open(SELF, O_RDONLY | O_CLOEXEC);
    g_message("a newer nacosfs goes on");
    keeper_become(keeper, keeper->program, self);
    g_critical("the new nacosfs cannot be run: %s", g_strerror(errno));
    keeper_answer(keeper, "it cannot be run");
    close(keeper->program);
    keeper->program = -1;
    restart_later(keeper, 0);
}

void keeper_replace(struct keeper *keeper, int asker, int program)
{
    gboolean begun = keeper->was_ready || keeper->shared->ready;
    if (keeper->quitting || keeper->program >= 0 || !begun) {
        replace_answer(asker, "the mount is ending or being replaced already");
        close(program);
        return;
    }
    keeper->asker = asker;
    keeper->program = program;
    if (keeper->daemon)
        control_send(keeper->control, CONTROL_LEAVE, NULL);
    else
        step_aside(keeper);
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
        end_well(keeper);
    else if (keeper->fallback >= 0)
        fall_back(keeper);
    else if (keeper->program >= 0)
        step_aside(keeper);
    else if (!keeper->was_ready)
        keeper_end(keeper, 1);
    else
        daemon_died(keeper, status);
}

gboolean keeper_begin(struct keeper *keeper)
{
    pid_t daemon = (pid_t)keeper->shared->daemon_pid;
    if (!keeper->config->takes_over || keeper->shared->farewell != FAREWELL_NONE)
        return start_daemon(keeper, &keeper->why);
    keeper->daemon = child_adopt(daemon, daemon_ended, keeper, &keeper->why);
    if (!keeper->daemon)
        return start_daemon(keeper, &keeper->why);
    watch_control(keeper, keeper->control);
    return TRUE;
}

void keeper_daemon_init(struct keeper *keeper)
{
    keeper->restart = wakeup_new(G_PRIORITY_DEFAULT, restart, keeper);
}

void keeper_daemon_clear(struct keeper *keeper)
{
    drop_control(keeper);
    child_free(keeper->daemon); /* it may hold the mount's last requests */
    wakeup_clear(&keeper->restart);
}
