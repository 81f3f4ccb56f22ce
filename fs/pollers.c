/* SPDX-License-Identifier: MIT */
#include "fs/pollers.h"

#define FUSE_USE_VERSION 314
#include "fs/handle.h"
#include "fs/service.h"

#include <fuse_lowlevel.h>

struct poller {
    struct fuse_pollhandle *kernel; /* owned */
    GQueue *queue;                  /* of the service, or of what is in .nacos */
    GList link;
};

void pollers_keep(struct handle *handle, struct fuse_pollhandle *kernel)
{
    struct service *service = service_get(handle->fs, handle->service);
    if (handle->poller) {
        fuse_pollhandle_destroy(handle->poller->kernel);
        handle->poller->kernel = kernel;
        return;
    }
    struct poller *poller = g_new0(struct poller, 1);
    poller->kernel = kernel;
    poller->queue = service ? &service->pollers : &handle->fs->pollers;
    poller->link.data = poller;
    g_queue_push_tail_link(poller->queue, &poller->link);
    handle->poller = poller;
}

void poller_free(struct poller *poller)
{
    if (!poller)
        return;
    g_queue_unlink(poller->queue, &poller->link);
    fuse_pollhandle_destroy(poller->kernel);
    g_free(poller);
}

void pollers_wake(const GQueue *pollers)
{
    for (const GList *at = pollers->head; at; at = at->next) {
        const struct poller *poller = at->data;
        fuse_lowlevel_notify_poll(poller->kernel);
    }
}
