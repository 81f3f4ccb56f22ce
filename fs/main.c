/* SPDX-License-Identifier: MIT
 *
 * nacosfs: the command line, and what becomes of the process: keeper, daemon or mirror helper. In
 * the background the keeper is a child, and the parent returns when the mount answers, so errors
 * reach the shell.
 */
#define FUSE_USE_VERSION 314
#include "fs/daemon.h"
#include "fs/keeper.h"
#include "fs/mirror_helper.h"
#include "fs/replace.h"
#include "mountopts/mountopts.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

/* --- logging ------------------------------------------------------------------------------- */

struct log_sink {
    GLogLevelFlags worst; /* levels above this (less grave) are dropped */
    gboolean to_syslog;
};

static GLogLevelFlags level_of(const char *name)
{
    if (strcmp(name, "debug") == 0)
        return G_LOG_LEVEL_DEBUG;
    if (strcmp(name, "info") == 0)
        return G_LOG_LEVEL_INFO;
    return strcmp(name, "warning") == 0 ? G_LOG_LEVEL_WARNING : G_LOG_LEVEL_CRITICAL;
}

static int syslog_level(GLogLevelFlags level)
{
    if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
        return LOG_ERR;
    if (level & G_LOG_LEVEL_WARNING)
        return LOG_WARNING;
    return level & G_LOG_LEVEL_DEBUG ? LOG_DEBUG : LOG_INFO;
}

static GLogWriterOutput write_log(GLogLevelFlags level, const GLogField *fields, gsize n,
                                  gpointer user_data)
{
    const struct log_sink *sink = user_data;
    if ((level & G_LOG_LEVEL_MASK) > sink->worst)
        return G_LOG_WRITER_HANDLED;
    if (!sink->to_syslog)
        return g_log_writer_standard_streams(level, fields, n, NULL);
    for (gsize i = 0; i < n; i++)
        if (strcmp(fields[i].key, "MESSAGE") == 0)
            syslog(syslog_level(level), "%s", (const char *)fields[i].value);
    return G_LOG_WRITER_HANDLED;
}

static void open_log(struct log_sink *sink, const struct mount_options *options)
{
    sink->worst = options->debug ? G_LOG_LEVEL_DEBUG : level_of(options->log_level);
    sink->to_syslog = !options->foreground;
    if (sink->worst == G_LOG_LEVEL_DEBUG)
        g_setenv("G_MESSAGES_DEBUG", "all", TRUE);
    if (sink->to_syslog)
        openlog("nacosfs", LOG_PID, LOG_DAEMON);
    g_log_set_writer_func(write_log, sink, NULL);
    g_log_writer_default_set_use_stderr(TRUE);
}

/* --- foreground and background ------------------------------------------------------------- */

struct launch {
    int parent; /* descriptor that the waiting parent reads; -1 = none */
    int errors; /* where an error of the start is told */
};

static void tell_parent(gpointer user_data)
{
    struct launch *launch = user_data;
    if (launch->parent >= 0 && write(launch->parent, "", 1) == 1)
        close(launch->parent);
    if (launch->errors != STDERR_FILENO)
        close(launch->errors); /* the shell must not wait for us */
}

struct command {
    struct mount_options options;
    struct fuse_args fuse_args;
    char **arguments; /* as they were given, without the program's name */
};

static int keep(struct command *command, struct launch *launch, gboolean takes_over)
{
    const struct keeper_config config = {.options = &command->options,
                                         .fuse_args = &command->fuse_args,
                                         .arguments = command->arguments,
                                         .errors = launch->errors,
                                         .ready = tell_parent,
                                         .user_data = launch,
                                         .takes_over = takes_over};
    return keeper_run(&config);
}

static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* The child: a session of its own, nothing of the shell's terminal kept but, until the mount is
 * ready, the way to tell an error. Helpers are started meanwhile and must not inherit that. */
static int child_main(struct command *command, int parent)
{
    struct launch launch = {.parent = parent};
    close_range(STDERR_FILENO + 1, (unsigned)parent - 1, 0); /* whatever the shell had open */
    close_range((unsigned)parent + 1, ~0u, 0);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    setsid();
    launch.errors = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    close(null);
    if (chdir("/") != 0)
        return 1;
    block_signals();
    return keep(command, &launch, FALSE);
}

/* The parent: waits for the child's word, then for the mount's own answer. */
static int parent_main(const struct mount_options *options, pid_t child, int pipe_fd)
{
    struct stat st;
    char byte;
    int status;
    ssize_t n;
    do
        n = read(pipe_fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1) {
        if (stat(options->mountpoint, &st) == 0)
            return 0;
        fprintf(stderr, "nacosfs: %s: %s\n", options->mountpoint, g_strerror(errno));
        return 1;
    }
    waitpid(child, &status, 0); /* it has said why */
    return 1;
}

static int background(struct command *command)
{
    int fds[2];
    pid_t child = -1;
    if (pipe2(fds, O_CLOEXEC) == 0)
        child = fork();
    if (child < 0) {
        fprintf(stderr, "nacosfs: %s\n", g_strerror(errno));
        return 1;
    }
    close(fds[child ? 1 : 0]);
    return child ? parent_main(&command->options, child, fds[0]) : child_main(command, fds[1]);
}

static int foreground(struct command *command)
{
    struct launch launch = {.parent = -1, .errors = STDERR_FILENO};
    block_signals();
    return keep(command, &launch, FALSE);
}

/* --- main ---------------------------------------------------------------------------------- */

static void show_version(void)
{
    printf("nacosfs version %s\n", NACOSFS_VERSION);
    printf("FUSE library version %s\n", fuse_pkgversion());
    fflush(stdout);
    fuse_lowlevel_version();
}

static int run(struct command *command)
{
    struct log_sink sink;
    if (command->options.show_help) {
        g_autofree char *help = mount_options_help("nacosfs");
        fputs(help, stdout);
        return 0;
    }
    if (command->options.show_version) {
        show_version();
        return 0;
    }
    g_autofree char *directory = g_get_current_dir();
    g_setenv(MOUNT_OPTIONS_DIRECTORY, directory, TRUE);
    open_log(&sink, &command->options);
    return command->options.foreground ? foreground(command) : background(command);
}

/* `nacosfs --daemon MOUNTPOINT ARGUMENT...`, started by the keeper: the arguments are those of the
 * user, MOUNTPOINT is what the keeper has made of theirs (our working directory is another one). */
static int run_daemon(struct command *command, const char *mountpoint)
{
    struct log_sink sink;
    const struct daemon_config config = {.options = &command->options,
                                         .fuse_args = &command->fuse_args,
                                         .arguments = command->arguments};
    g_free(command->options.mountpoint);
    command->options.mountpoint = g_strdup(mountpoint);
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NAME, "nacosfs-daemon");
    open_log(&sink, &command->options);
    return daemon_run(&config);
}

/* `nacosfs --keeper MOUNTPOINT ARGUMENT...`: in place of a keeper that died, or of one of another
 * binary. */
static int run_keeper(struct command *command, const char *mountpoint)
{
    struct log_sink sink;
    struct launch launch = {.parent = -1, .errors = STDERR_FILENO};
    g_free(command->options.mountpoint);
    command->options.mountpoint = g_strdup(mountpoint);
    block_signals();
    open_log(&sink, &command->options);
    return keep(command, &launch, TRUE);
}

/* `nacosfs --replace MOUNTPOINT`: this binary behind a living mount. */
static int run_replace(const char *mountpoint)
{
    g_autofree char *path = g_build_filename(mountpoint, ".nacos/status", NULL);
    g_autofree char *status = NULL, *why = NULL;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(path, &status, NULL, &error)) {
        fprintf(stderr, "nacosfs: %s: not a living nacosfs mount (%s)\n", mountpoint,
                error->message);
        return 1;
    }
    const char *line = strstr(status, "keeper_pid=");
    if (line && replace_ask((pid_t)atoi(line + strlen("keeper_pid=")), &why))
        return 0;
    fprintf(stderr, "nacosfs: %s: %s\n", mountpoint, why ? why : "it has no keeper");
    return 1;
}

/* argv[0] and the arguments from `first` on, as a command line of their own. */
static gboolean parse(struct command *command, int argc, char *argv[], int first, char **why)
{
    g_autofree char **line = g_new0(char *, argc + 1);
    line[0] = argv[0];
    memcpy(line + 1, argv + first, (gsize)(argc - first) * sizeof *line);
    command->arguments = argv + first;
    return mount_options_parse(argc - first + 1, line, &command->options, &command->fuse_args, why);
}

int main(int argc, char *argv[])
{
    struct command command = {.fuse_args = FUSE_ARGS_INIT(0, NULL)};
    g_autofree char *why = NULL;
    if (argc == 4 && strcmp(argv[1], "--mirror-helper") == 0)
        return mirror_helper_main(atoi(argv[3]), argv[2]);
    if (argc == 3 && strcmp(argv[1], "--replace") == 0)
        return run_replace(argv[2]);
    gboolean daemon = argc > 3 && strcmp(argv[1], "--daemon") == 0;
    gboolean keeper = argc > 3 && strcmp(argv[1], "--keeper") == 0;
    if (!parse(&command, argc, argv, daemon || keeper ? 3 : 1, &why)) {
        fprintf(stderr, "nacosfs: %s\nTry 'nacosfs --help'.\n", why);
        return 1;
    }
    int status = daemon   ? run_daemon(&command, argv[2])
                 : keeper ? run_keeper(&command, argv[2])
                          : run(&command);
    fuse_opt_free_args(&command.fuse_args);
    mount_options_clear(&command.options);
    return status;
}
