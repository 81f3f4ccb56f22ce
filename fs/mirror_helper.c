/* SPDX-License-Identifier: MIT */
#include "fs/mirror_helper.h"

#include "fs/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

struct call_buffer {
    struct mirror_call call;
    char path[PATH_MAX];
};

/* Only the time of modification: that is what raises MODIFY and not ATTRIB, and an explicit one
 * arrives as SETATTR of mtime alone, which touch never sends. */
static int poke(int directory, const char *name)
{
    int fd = openat(directory, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};
    clock_gettime(CLOCK_REALTIME, &times[1]);
    int error = futimens(fd, times) ? errno : 0;
    close(fd);
    return error;
}

static int make_file(int directory, const char *name)
{
    return mknodat(directory, name, S_IFREG | 0644, 0) ? errno : 0;
}

static int remove_file(int directory, const char *name)
{
    return unlinkat(directory, name, 0) ? errno : 0;
}

static int make_directory(int directory, const char *name)
{
    return mkdirat(directory, name, 0755) ? errno : 0;
}

static int remove_directory(int directory, const char *name)
{
    return unlinkat(directory, name, AT_REMOVEDIR) ? errno : 0;
}

/* One order at a time: our pid makes the temporary name our own. */
static int replace_file(int directory, const char *name)
{
    char temporary[32];
    g_snprintf(temporary, sizeof temporary, ".%d.tmp", (int)getpid());
    int error = make_file(directory, temporary);
    if (!error && renameat(directory, temporary, directory, name))
        error = errno;
    return error;
}

typedef int (*call_func)(int directory, const char *name);

static const call_func calls[] = {
    [MIRROR_POKE] = poke,
    [MIRROR_MKNOD] = make_file,
    [MIRROR_UNLINK] = remove_file,
    [MIRROR_MKDIR] = make_directory,
    [MIRROR_RMDIR] = remove_directory,
    [MIRROR_REPLACE] = replace_file,
};

/* DONT_SYNC: no request to the daemon for it. */
static gboolean is_on_device(int directory, guint64 device)
{
    struct statx stat;
    if (statx(directory, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &stat))
        return FALSE;
    return makedev(stat.stx_dev_major, stat.stx_dev_minor) == device;
}

/* `path` is split in place. The directory is looked up anew each time and held only during the
 * call. */
static int carry_out(const char *mountpoint, const struct mirror_call *call, char *path)
{
    if (call->op >= G_N_ELEMENTS(calls))
        return EINVAL;
    char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (slash)
        *slash = '\0';
    g_autofree char *parent = g_strconcat(mountpoint, "/", slash ? path : "", NULL);
    int directory = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return errno;
    int error = ENODEV;
    if (is_on_device(directory, call->device))
        error = calls[call->op](directory, name);
    close(directory);
    return error;
}

static int answer_call(const char *mountpoint, struct call_buffer *buffer, gsize length)
{
    if (length < sizeof buffer->call)
        return EINVAL;
    gsize path_length = length - sizeof buffer->call;
    if (path_length >= sizeof buffer->path)
        return ENAMETOOLONG;
    buffer->path[path_length] = '\0';
    return carry_out(mountpoint, &buffer->call, buffer->path);
}

/* Somebody may be waiting for the end of a pipe that is our stderr, as $(nacosfs ... 2>&1) does,
 * and we have nothing to say. */
static void give_up_pipe(void)
{
    struct stat stat;
    if (!fstat(STDERR_FILENO, &stat) && S_ISFIFO(stat.st_mode))
        dup2(STDOUT_FILENO, STDERR_FILENO);
}

static void settle(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "nacosfs-mirror");
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    umask(022);
    give_up_pipe();
}

int mirror_helper_main(int fd, const char *mountpoint)
{
    settle();
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    for (;;) {
        struct call_buffer buffer;
        ssize_t length = recv(fd, &buffer, sizeof buffer, MSG_TRUNC);
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return length == 0 ? 0 : 1;
        struct mirror_answer answer = {.error = answer_call(mountpoint, &buffer, length),
                                       .serial = buffer.call.serial};
        if (send(fd, &answer, sizeof answer, MSG_NOSIGNAL) < 0)
            return 1;
    }
}
