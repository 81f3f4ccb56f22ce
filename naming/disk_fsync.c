/* SPDX-License-Identifier: MIT */
#include "naming/disk_fsync.h"

#include <glib-unix.h>
#include <linux/aio_abi.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct disk_fsync {
    aio_context_t context; /* 0 = not to be had */
    int eventfd;
    GSource *source;
    disk_fsync_fn done;
};

static gboolean disk_fsync_on_event(gint fd, GIOCondition condition, gpointer user_data)
{
    struct disk_fsync *self = user_data;
    struct io_event events[DISK_FSYNC_ROOM];
    struct timespec now = {0};
    guint64 count;
    long n = 0;

    if (read(fd, &count, sizeof count) == sizeof count)
        n = syscall(SYS_io_getevents, self->context, 0, DISK_FSYNC_ROOM, events, &now);
    for (long i = 0; i < n; i++)
        self->done((int)-events[i].res, GSIZE_TO_POINTER(events[i].data));
    return G_SOURCE_CONTINUE;
}

struct disk_fsync *disk_fsync_new(disk_fsync_fn done)
{
    struct disk_fsync *self = g_new0(struct disk_fsync, 1);

    self->done = done;
    self->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->eventfd < 0 || syscall(SYS_io_setup, DISK_FSYNC_ROOM, &self->context) != 0)
        return self;
    self->source = g_unix_fd_source_new(self->eventfd, G_IO_IN);
    g_source_set_callback(self->source, G_SOURCE_FUNC(disk_fsync_on_event), self, NULL);
    g_source_attach(self->source, g_main_context_get_thread_default());
    return self;
}

void disk_fsync_free(struct disk_fsync *self)
{
    if (self->context != 0)
        syscall(SYS_io_destroy, self->context);
    if (self->source != NULL) {
        g_source_destroy(self->source);
        g_source_unref(self->source);
    }
    if (self->eventfd >= 0)
        close(self->eventfd);
    g_free(self);
}

gboolean disk_fsync_start(struct disk_fsync *self, int fd, gpointer user_data)
{
    struct iocb request = {
        .aio_data = GPOINTER_TO_SIZE(user_data),
        .aio_lio_opcode = IOCB_CMD_FSYNC,
        .aio_fildes = (guint32)fd,
        .aio_flags = IOCB_FLAG_RESFD,
        .aio_resfd = (guint32)self->eventfd,
    };
    struct iocb *requests[] = {&request};

    return self->context != 0 && syscall(SYS_io_submit, self->context, 1, requests) == 1;
}
