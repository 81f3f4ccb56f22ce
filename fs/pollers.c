/* SPDX-License-Identifier: MIT */
#include "fs/pollers.h"

#include "fs/handle.h"
#include "fs/service.h"
#include "fs/session.h"

struct poller {
    const struct handle *handle;
    GQueue *queue; /* of the service, or of what is in .nacos */
    GList link;
};

void pollers_keep(struct handle *handle)
{
    struct service *service = service_get(handle->fs, handle->service);
    if (handle->poller)
        return;
    struct poller *poller = g_new0(struct poller, 1);
    poller->handle = handle;
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
    g_free(poller);
}

void pollers_wake(const GQueue *pollers)
{
    for (const GList *at = pollers->head; at; at = at->next) {
        const struct poller *poller = at->data;
        session_notify_poll(poller->handle->fs->session, poller->handle->poll_kh);
    }
}
