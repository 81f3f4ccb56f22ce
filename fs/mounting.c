/* SPDX-License-Identifier: MIT */
#define FUSE_USE_VERSION 35
#include "fs/mounting.h"

#include "fs/child.h"
#include "fs/dead_mount.h"
#include "fs/mountinfo.h"
#include "fs/stderr_capture.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean check_mountpoint(const char *mountpoint, char **why)
{
    struct stat stat_buffer;
    int error = 0;
    if (stat(mountpoint, &stat_buffer))
        error = errno;
    else if (!S_ISDIR(stat_buffer.st_mode))
        error = ENOTDIR;
    if (error)
        *why = g_strdup_printf("%s: %s", mountpoint, g_strerror(error));
    return error == 0;
}

/* Not inherited by accident: a child that holds /dev/fuse turns the daemon's death into a hang for
 * every reader. */
static int take_descriptor(struct fuse_session *se)
{
    int fd = fcntl(fuse_session_fd(se), F_DUPFD_CLOEXEC, CHILD_SAFE_FD);
    if (fd >= 0)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

/* libfuse takes what it understands out of the arguments it is given. */
static struct fuse_args copy_args(const struct fuse_args *args)
{
    struct fuse_args copy = FUSE_ARGS_INIT(0, NULL);
    for (int i = 0; i < args->argc; i++)
        fuse_opt_add_arg(&copy, args->argv[i]);
    return copy;
}

/* libfuse mounts (mount(2), else fusermount3); its session is of no more use then. -1 = it cannot.
 */
static int mount_by_libfuse(const struct fuse_args *fuse_args, const char *mountpoint)
{
    static const struct fuse_lowlevel_ops none;
    struct fuse_args args = copy_args(fuse_args);
    struct fuse_session *se = fuse_session_new(&args, &none, sizeof none, NULL);
    int fd = -1;
    if (se && fuse_session_mount(se, mountpoint) == 0)
        fd = take_descriptor(se);
    if (se)
        fuse_session_destroy(se);
    fuse_opt_free_args(&args);
    return fd;
}

static int mount_or_say_why(const struct fuse_args *fuse_args, const char *mountpoint, char **why)
{
    struct stderr_capture capture;
    stderr_capture_begin(&capture);
    int fd = mount_by_libfuse(fuse_args, mountpoint);
    g_autofree char *text = stderr_capture_end(&capture);
    if (fd < 0)
        *why = text ? g_steal_pointer(&text)
                    : g_strdup_printf("%s: libfuse cannot mount here", mountpoint);
    else if (text)
        fprintf(stderr, "%s\n", text);
    return fd;
}

void mounting_adopt(struct mounting *mounting, int fd, const char *mountpoint)
{
    g_autofree char *type = NULL;
    *mounting = (struct mounting){.fd = fd, .mountpoint = g_strdup(mountpoint)};
    mountinfo_at(mountpoint, &type, &mounting->device);
    mounting->id = mountinfo_id(mountpoint);
}

gboolean mounting_make(struct mounting *mounting, const struct fuse_args *fuse_args,
                       const char *mountpoint, char **why)
{
    if (!dead_mount_clear(mountpoint, why) || !check_mountpoint(mountpoint, why))
        return FALSE;
    int fd = mount_or_say_why(fuse_args, mountpoint, why);
    if (fd >= 0)
        mounting_adopt(mounting, fd, mountpoint);
    return fd >= 0;
}

gboolean mounting_is_over(const struct mounting *mounting)
{
    struct pollfd fuse = {.fd = mounting->fd};
    return poll(&fuse, 1, 0) == 1 && (fuse.revents & POLLERR);
}

/* Ours is there, and not one that somebody has made on the same path since ours went. */
static gboolean is_mounted(const struct mounting *mounting)
{
    g_autofree char *type = NULL;
    guint64 device;
    return mountinfo_at(mounting->mountpoint, &type, &device) && device == mounting->device &&
           mountinfo_id(mounting->mountpoint) == mounting->id;
}

void mounting_end(struct mounting *mounting)
{
    if (is_mounted(mounting) && umount2(mounting->mountpoint, UMOUNT_NOFOLLOW))
        dead_mount_detach(mounting->mountpoint);
    close(mounting->fd);
    mounting->fd = -1;
    g_clear_pointer(&mounting->mountpoint, g_free);
}
