/* SPDX-License-Identifier: MIT */
#define FUSE_USE_VERSION 35
#include "fs/session.h"

#include "fs/dead_mount.h"
#include "fs/mountinfo.h"
#include "fs/stderr_capture.h"
#include "fs/wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <glib-unix.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REQUESTS_A_TURN 64
#define PRUNE_MOST 500

struct session {
    struct fuse_session *se;
    char *mountpoint;
    guint64 device;         /* st_dev of our mount */
    struct fuse_buf buffer; /* of the request being read; libfuse makes it at the first one */
    GSource *source;
    void (*ended)(gpointer user_data);
    gpointer user_data;
};

/* linux/fuse.h of 7.45; Debian 12's headers are older. */
enum { NOTIFY_PRUNE = 9 };

struct prune_header {
    guint32 length; /* struct fuse_out_header: of everything */
    gint32 code;
    guint64 unique; /* 0: no answer but a notification */
    guint32 count;  /* struct fuse_notify_prune_out; the node ids follow */
    guint32 padding;
    guint64 spare;
};

/* TRUE if one was handled; FALSE when there is none now. *gone: and there will be none. */
static gboolean session_serve_one(struct session *session, gboolean *gone)
{
    int length = fuse_session_receive_buf(session->se, &session->buffer);
    if (length == -EINTR || length == -EAGAIN)
        return FALSE;
    if (length < 0)
        g_message("/dev/fuse: %s", g_strerror(-length));
    *gone = length <= 0;
    if (!*gone)
        fuse_session_process_buf(session->se, &session->buffer);
    return !*gone;
}

/* Bounded, so that under load the other sources have their turns. */
static gboolean session_dispatch(int fd, GIOCondition condition, gpointer user_data)
{
    struct session *session = user_data;
    gboolean gone = FALSE;
    for (int i = 0; i < REQUESTS_A_TURN && session_serve_one(session, &gone); i++)
        ;
    gone = gone || fuse_session_exited(session->se);
    if (!gone)
        return G_SOURCE_CONTINUE;
    session->ended(session->user_data);
    return G_SOURCE_REMOVE;
}

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

/* fuse_session_new() and fuse_session_mount(), or NULL. */
static struct fuse_session *mount_session(const struct session_config *config)
{
    struct fuse_session *se =
        fuse_session_new(config->fuse_args, config->ops, sizeof *config->ops, config->user_data);
    if (!se || !fuse_session_mount(se, config->mountpoint))
        return se;
    fuse_session_destroy(se);
    return NULL;
}

static struct fuse_session *mount_or_say_why(const struct session_config *config, char **why)
{
    struct stderr_capture capture;
    stderr_capture_begin(&capture);
    struct fuse_session *se = mount_session(config);
    g_autofree char *text = stderr_capture_end(&capture);
    if (!se)
        *why = text ? g_steal_pointer(&text)
                    : g_strdup_printf("%s: libfuse cannot mount here", config->mountpoint);
    else if (text)
        fprintf(stderr, "%s\n", text);
    return se;
}

/* A child that inherits /dev/fuse would turn our death into a hang for every reader: child.c closes
 * it, and this is the second lock. */
static void set_flags(int fd)
{
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void session_attach(struct session *session)
{
    int fd = fuse_session_fd(session->se);
    set_flags(fd);
    session->source = g_unix_fd_source_new(fd, G_IO_IN | G_IO_ERR | G_IO_HUP);
    g_source_set_callback(session->source, G_SOURCE_FUNC(session_dispatch), session, NULL);
    g_source_attach(session->source, g_main_context_get_thread_default());
}

struct session *session_new(const struct session_config *config, char **why)
{
    if (!dead_mount_clear(config->mountpoint, why) || !check_mountpoint(config->mountpoint, why))
        return NULL;
    struct fuse_session *se = mount_or_say_why(config, why);
    if (!se)
        return NULL;
    struct session *session = g_new0(struct session, 1);
    session->se = se;
    session->mountpoint = g_strdup(config->mountpoint);
    session->ended = config->ended;
    session->user_data = config->user_data;
    g_autofree char *type = NULL;
    mountinfo_at(session->mountpoint, &type, &session->device);
    session_attach(session);
    return session;
}

static gboolean is_mounted(const struct session *session)
{
    g_autofree char *type = NULL;
    guint64 device;
    return mountinfo_at(session->mountpoint, &type, &device) && device == session->device;
}

static gboolean is_disconnected(const struct session *session)
{
    struct pollfd fuse = {.fd = fuse_session_fd(session->se)};
    return poll(&fuse, 1, 0) == 1 && (fuse.revents & POLLERR);
}

/* libfuse unmounts by path: not when something else is on top there by now (ours was detached
 * lazily and is still in use). An aborted connection it takes for an unmounted one and leaves the
 * dead mount to us. */
static void session_unmount(struct session *session)
{
    gboolean mounted = is_mounted(session);
    if (mounted || is_disconnected(session))
        fuse_session_unmount(session->se);
    if (mounted && is_mounted(session))
        dead_mount_detach(session->mountpoint);
}

void session_free(struct session *session)
{
    if (!session)
        return;
    wakeup_clear(&session->source);
    session_unmount(session);
    fuse_session_destroy(session->se);
    free(session->buffer.mem);
    g_free(session->mountpoint);
    g_free(session);
}

static int prune(int fd, const guint64 *ids, guint n)
{
    struct prune_header header = {.code = NOTIFY_PRUNE, .count = n};
    header.length = sizeof header + n * sizeof *ids;
    struct iovec parts[] = {{&header, sizeof header}, {(void *)ids, n * sizeof *ids}};
    return writev(fd, parts, G_N_ELEMENTS(parts)) < 0 ? errno : 0;
}

int session_prune(struct session *session, const guint64 *ids, guint n)
{
    int error = 0;
    for (guint done = 0; done < n && !error; done += PRUNE_MOST)
        error = prune(fuse_session_fd(session->se), ids + done, MIN(n - done, PRUNE_MOST));
    return error;
}

int session_inval_attr(struct session *session, guint64 id)
{
    return -fuse_lowlevel_notify_inval_inode(session->se, id, -1, 0);
}
