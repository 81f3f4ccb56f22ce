/* SPDX-License-Identifier: MIT */
#include "fs/parked.h"

#include "fs/signals.h"

#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fuse_lowlevel.h>

#define SPARE_MS 1000    /* the client answers within the mount's timeout by itself */
#define LOOK_AGAIN_MS 50 /* the kernel tells of one signal only: later ones are looked for */

struct parked *parked_new(struct fs *fs, struct fuse_req *req,
                          void (*answer)(struct parked *parked, int error))
{
    struct parked *parked = g_new0(struct parked, 1);
    parked->fs = fs;
    parked->req = req;
    parked->answer = answer;
    parked->request = *session_current(fs->session);
    parked->since = g_get_monotonic_time();
    parked->link.data = parked;
    return parked;
}

/* The interrupt function needs no clearing: the answer does it, or parks the request anew. Inside
 * the interrupt function libfuse holds the request's lock, and asking again would wait for it for
 * ever. */
static void leave(struct parked *parked)
{
    g_queue_unlink(&parked->fs->parked, &parked->link);
    g_clear_handle_id(&parked->timer, g_source_remove);
    g_clear_handle_id(&parked->look_again, g_source_remove);
}

static void finish(struct parked *parked, int error)
{
    const struct session_request before = *session_current(parked->fs->session);
    if (parked->started)
        leave(parked);
    session_working(parked->fs->session, &parked->request);
    parked->answer(parked, error);
    session_working(parked->fs->session, before.unique ? &before : NULL);
    if (parked->started && parked->count)
        --*parked->count;
    if (parked->started && parked->gate && --*parked->gate == 0)
        mirror_wake(parked->fs->mirror);
    g_free(parked->name);
    g_free(parked);
}

static void give_up(struct parked *parked, int error)
{
    gpointer wait = g_steal_pointer(&parked->wait);
    if (wait)
        parked->cancel(wait);
    finish(parked, error);
}

static gboolean look_again(gpointer user_data)
{
    struct parked *parked = user_data;
    if (!signals_interrupt(parked->request.pid))
        return G_SOURCE_CONTINUE;
    parked->look_again = 0;
    give_up(parked, EINTR);
    return G_SOURCE_REMOVE;
}

static void interrupted(fuse_req_t req, void *data)
{
    struct parked *parked = data;
    if (signals_interrupt(parked->request.pid))
        give_up(parked, EINTR);
    else if (!parked->look_again)
        parked->look_again = g_timeout_add(LOOK_AGAIN_MS, look_again, parked);
}

static gboolean deadline(gpointer user_data)
{
    struct parked *parked = user_data;
    parked->timer = 0;
    give_up(parked, ETIMEDOUT);
    return G_SOURCE_REMOVE;
}

void parked_start(struct parked *parked, guint deadline_ms)
{
    if (deadline_ms == PARKED_DEFAULT_MS)
        deadline_ms = parked->fs->options->timeout_s * 1000 + SPARE_MS;
    parked->started = TRUE;
    if (parked->gate)
        ++*parked->gate;
    if (parked->count)
        ++*parked->count;
    g_queue_push_tail_link(&parked->fs->parked, &parked->link);
    if (deadline_ms != PARKED_FOR_EVER)
        parked->timer = g_timeout_add(deadline_ms, deadline, parked);
    if (fuse_req_interrupted(parked->req)) /* libfuse would call back while it holds the request */
        interrupted(parked->req, parked);
    else
        fuse_req_interrupt_func(parked->req, interrupted, parked);
}

void parked_told(gpointer user_data, int error)
{
    struct parked *parked = user_data;
    parked->wait = NULL;
    finish(parked, error);
}

void parked_end_all(struct fs *fs, int error)
{
    while (fs->parked.length)
        give_up(g_queue_peek_head(&fs->parked), error);
}
