/* SPDX-License-Identifier: MIT */
#include "fs/child.h"
#include "watcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct seen {
    guint ended;
    gboolean pid_kept; /* kill(pid, 0) worked in `ended` */
};

static void on_ended(struct child *child, gpointer user_data)
{
    struct seen *seen = user_data;
    seen->ended++;
    seen->pid_kept = !kill(child_pid(child), 0);
}

static struct child *run(const char *script, int fd, int error_fd, struct seen *seen)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct child_config config = {.program = "/bin/sh",
                                  .argv = argv,
                                  .fd = fd,
                                  .error_fd = error_fd,
                                  .ended = on_ended,
                                  .user_data = seen};
    g_autofree char *why = NULL;
    struct child *child = child_new(&config, &why);
    g_assert_cmpstr(why, ==, NULL);
    return child;
}

static void child_holds_only_what_it_was_given(void)
{
    struct seen seen = {0};
    int pipe_fds[2];
    g_assert_cmpint(pipe(pipe_fds), ==, 0); /* without O_CLOEXEC */
    struct child *child = run("exec sleep 60", pipe_fds[1], -1, &seen);
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", child_pid(child));
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    guint count = 0;
    for (const char *name; (name = g_dir_read_name(directory)); count++)
        g_assert_cmpint(atoi(name), <=, CHILD_FD);
    g_assert_cmpint(count, ==, 4);
    child_free(child);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void child_can_write_to_its_descriptors(void)
{
    struct seen seen = {0};
    int out[2], error[2];
    g_assert_cmpint(pipe2(out, O_CLOEXEC), ==, 0);
    g_assert_cmpint(pipe2(error, O_CLOEXEC), ==, 0);
    struct child *child = run("pwd >&3; echo oh >&2; echo lost", out[1], error[1], &seen);
    close(out[1]);
    close(error[1]);
    g_assert_true(child_wait(child, 5000));
    char text[16] = "";
    g_assert_cmpint(read(out[0], text, sizeof text), ==, 2);
    g_assert_cmpmem(text, 2, "/\n", 2);
    g_assert_cmpint(read(error[0], text, sizeof text), ==, 3);
    g_assert_cmpmem(text, 3, "oh\n", 3);
    child_free(child);
    close(out[0]);
    close(error[0]);
}

static void child_is_told_ended_before_it_is_reaped(void)
{
    struct seen seen = {0};
    struct child *child = run("exit 7", -1, -1, &seen);
    pid_t pid = child_pid(child);
    WAIT_UNTIL(seen.ended);
    g_assert_true(seen.pid_kept);
    g_assert_cmpint(child_status(child), ==, 7);
    child_free(child);
    g_assert_cmpint(seen.ended, ==, 1);
    g_assert_cmpint(waitpid(pid, NULL, WNOHANG), ==, -1);
}

static void child_signals_are_at_their_defaults(void)
{
    struct seen seen = {0};
    signal(SIGTERM, SIG_IGN);
    struct child *child = run("exec sleep 60", -1, -1, &seen);
    signal(SIGTERM, SIG_DFL);
    g_assert_cmpint(child_status(child), ==, -1);
    child_kill(child, SIGTERM);
    g_assert_true(child_wait(child, 5000));
    g_assert_cmpint(child_status(child), ==, 128 + SIGTERM);
    child_free(child);
}

static void child_is_killed_by_free(void)
{
    struct seen seen = {0};
    struct child *child = run("exec sleep 60", -1, -1, &seen);
    pid_t pid = child_pid(child);
    child_free(child);
    int status = 0;
    pid_t reaped = waitpid(pid, &status, 0);
    g_assert_true((reaped < 0 && errno == ECHILD) || WTERMSIG(status) == SIGKILL);
    g_assert_cmpint(seen.ended, ==, 0);
}

static void child_missing_program_is_an_error(void)
{
    const char *const argv[] = {"x", NULL};
    struct child_config config = {
        .program = "/nonexistent/x",
        .argv = argv,
        .fd = -1,
        .error_fd = -1,
        .ended = on_ended,
    };
    g_autofree char *why = NULL;
    g_assert_null(child_new(&config, &why));
    g_assert_cmpstr(why, ==, "/nonexistent/x: No such file or directory");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/child/descriptors", child_holds_only_what_it_was_given);
    g_test_add_func("/child/writes", child_can_write_to_its_descriptors);
    g_test_add_func("/child/ended", child_is_told_ended_before_it_is_reaped);
    g_test_add_func("/child/signals", child_signals_are_at_their_defaults);
    g_test_add_func("/child/free", child_is_killed_by_free);
    g_test_add_func("/child/missing", child_missing_program_is_an_error);
    return g_test_run();
}
