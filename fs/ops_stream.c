/* SPDX-License-Identifier: MIT
 *
 * What waits on an open file for something to happen: READ of `events`, and POLL.
 */
#include "fs/ops.h"

#include "fs/events.h"
#include "fs/handle.h"
#include "fs/kept.h"
#include "fs/pollers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#define CHUNK 65536 /* bytes of one answer, at most; never more than the READ asked for */

/* --- READ of a stream ---------------------------------------------------------------------- */

/* A READ that comes again, since its answer did not arrive, starts where it started then. */
static void begin_read(struct handle *handle, struct stream_reader *reader)
{
    struct handle_read *read = &handle->read;
    guint64 unique = session_current(handle->fs->session)->unique;
    if (read->unique == unique)
        events_put_back(handle->fs, reader, &read->before);
    else
        stream_place_copy(&read->before, &reader->place);
    read->unique = unique;
}

/* FALSE if there is nothing to answer with yet. At the end of the mount a stream ends. */
static gboolean answer_now(fuse_req_t req, struct stream_reader *reader, gsize size)
{
    const struct fs *fs = ops_fs(req);
    struct handle *handle = handle_get(fs, reader->handle);
    if (fs->closing) {
        fuse_reply_buf(req, NULL, 0);
        return TRUE;
    }
    g_autofree char *buffer = g_malloc(MIN(size, CHUNK));
    begin_read(handle, reader);
    gsize n = events_read(fs, reader, buffer, MIN(size, CHUNK));
    if (n)
        kept_handle_state(handle);
    if (n || !size)
        fuse_reply_buf(req, buffer, n);
    return n || !size;
}

static void wait_for_events(fuse_req_t req, fuse_ino_t ino, struct stream_reader *reader,
                            gsize size);

static void events_came(struct parked *parked, int error)
{
    struct stream_reader *reader = events_reader(parked->fs, parked->handle);
    if (!reader || (error && !parked->fs->closing))
        fuse_reply_err(parked->req, error ? error : EBADF);
    else if (!answer_now(parked->req, reader, parked->size)) /* another READ was first */
        wait_for_events(parked->req, parked->node, reader, parked->size);
}

static void wait_for_events(fuse_req_t req, fuse_ino_t ino, struct stream_reader *reader,
                            gsize size)
{
    const struct fs *fs = ops_fs(req);
    struct parked *parked = ops_park(req, ino, "", events_came);
    parked->handle = reader->handle;
    parked->size = size;
    ops_wait_for(parked, events_wait(fs, reader, parked_told, parked), PARKED_FOR_EVER);
}

void ops_read_stream(fuse_req_t req, fuse_ino_t ino, size_t size, struct fuse_file_info *fi)
{
    struct stream_reader *reader = events_reader(ops_fs(req), fi->fh);
    if (answer_now(req, reader, size))
        return;
    if (fi->flags & O_NONBLOCK) /* as it is now: fcntl may have set it after the open */
        fuse_reply_err(req, EAGAIN);
    else
        wait_for_events(req, ino, reader, size);
}

/* --- POLL ---------------------------------------------------------------------------------- */

static unsigned state_of(const struct fs *fs, struct handle *handle)
{
    struct stream_reader *reader = events_reader(fs, handle->id);
    if (reader)
        return fs->closing || events_readable(fs, reader) ? POLLIN | POLLRDNORM : 0;
    unsigned always = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
    return handle_newest(handle) != handle->seen_ns ? always | POLLERR | POLLPRI : always;
}

void ops_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph)
{
    struct handle *handle = handle_get(ops_fs(req), fi->fh);
    guint64 kh = session_current(ops_fs(req)->session)->poll_kh;
    if (ph) /* libfuse's wrapping of that number, which must outlive it */
        fuse_pollhandle_destroy(ph);
    if (!handle) {
        fuse_reply_err(req, EBADF);
        return;
    }
    handle->polled = TRUE;
    if (kh) {
        handle->poll_kh = kh;
        pollers_keep(handle);
    }
    kept_handle(handle);
    fuse_reply_poll(req, state_of(ops_fs(req), handle));
}
