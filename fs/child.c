/* SPDX-License-Identifier: MIT */
#include "fs/child.h"

#include "fs/wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
    pid_t pid;
    int pidfd;
    GSource *source;
    void (*ended)(struct child *child, gpointer user_data);
    gpointer user_data;
};

/* The order matters: what is handed over may stand on any number from 3 on, so stderr is set first.
 */
static void fill_actions(posix_spawn_file_actions_t *actions, const struct child_config *config)
{
    if (config->error_fd >= 0)
        posix_spawn_file_actions_adddup2(actions, config->error_fd, STDERR_FILENO);
    if (config->fd >= 0)
        posix_spawn_file_actions_adddup2(actions, config->fd, CHILD_FD);
    for (guint i = 0; i < config->n_more; i++)
        posix_spawn_file_actions_adddup2(actions, config->more[i], CHILD_FD + 1 + (int)i);
    posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    /* close_range(2): whatever else is open, /dev/fuse above all, stays behind, even if somebody
     * forgot its O_CLOEXEC. */
    int handed = config->fd >= 0 ? 1 + (int)config->n_more : 0;
    posix_spawn_file_actions_addclosefrom_np(actions, CHILD_FD + handed);
    posix_spawn_file_actions_addchdir_np(actions, "/");
}

static void fill_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setflags(attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
}

/* posix_spawn is a vfork: no copy of our page tables however large we are, and the error of exec
 * comes back here. 0 or an errno. */
static int spawn(const struct child_config *config, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    fill_actions(&actions, config);
    fill_attributes(&attributes);
    int error = posix_spawn(pid, config->program, &actions, &attributes,
                            (char *const *)config->argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static gboolean child_dispatch(int fd, GIOCondition condition, gpointer user_data)
{
    struct child *child = user_data;
    child->ended(child, child->user_data);
    return G_SOURCE_REMOVE;
}

static struct child *child_watch(pid_t pid, int pidfd,
                                 void (*ended)(struct child *child, gpointer user_data),
                                 gpointer user_data)
{
    struct child *child = g_new0(struct child, 1);
    child->pid = pid;
    child->pidfd = pidfd;
    child->ended = ended;
    child->user_data = user_data;
    child->source = g_unix_fd_source_new(pidfd, G_IO_IN);
    g_source_set_callback(child->source, G_SOURCE_FUNC(child_dispatch), child, NULL);
    g_source_attach(child->source, g_main_context_get_thread_default());
    return child;
}

struct child *child_new(const struct child_config *config, char **why)
{
    pid_t pid;
    int error = spawn(config, &pid);
    if (error) {
        *why = g_strdup_printf("%s: %s", config->program, g_strerror(error));
        return NULL;
    }
    int pidfd = pidfd_open(pid, 0);
    if (pidfd < 0) {
        *why = g_strdup_printf("pidfd_open: %s", g_strerror(errno));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return NULL;
    }
    return child_watch(pid, pidfd, config->ended, config->user_data);
}

int child_raise_fd(int fd)
{
    int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, CHILD_SAFE_FD);
    if (fd >= 0)
        close(fd);
    return high;
}

struct child *child_adopt(pid_t pid, void (*ended)(struct child *child, gpointer user_data),
                          gpointer user_data, char **why)
{
    int pidfd = pidfd_open(pid, 0);
    if (pidfd >= 0)
        return child_watch(pid, pidfd, ended, user_data);
    *why = g_strdup_printf("pidfd_open: %s", g_strerror(errno));
    return NULL;
}

void child_release(struct child *child)
{
    if (!child)
        return;
    wakeup_clear(&child->source);
    close(child->pidfd);
    g_free(child);
}

void child_free(struct child *child)
{
    if (!child)
        return;
    wakeup_clear(&child->source);
    child_kill(child, SIGKILL);
    siginfo_t info;
    waitid(P_PIDFD, child->pidfd, &info, WEXITED | WNOHANG);
    close(child->pidfd);
    g_free(child);
}

pid_t child_pid(const struct child *child)
{
    return child->pid;
}

void child_kill(const struct child *child, int signal)
{
    pidfd_send_signal(child->pidfd, signal, NULL, 0);
}

gboolean child_wait(const struct child *child, int timeout_ms)
{
    gint64 deadline = g_get_monotonic_time() + timeout_ms * G_TIME_SPAN_MILLISECOND;
    struct pollfd end = {.fd = child->pidfd, .events = POLLIN};
    int ready;
    do {
        gint64 left = MAX(deadline - g_get_monotonic_time(), 0);
        ready = poll(&end, 1, (left + 999) / G_TIME_SPAN_MILLISECOND);
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

int child_status(const struct child *child)
{
    siginfo_t info = {0};
    if (waitid(P_PIDFD, child->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
        return -1;
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}
