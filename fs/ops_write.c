/* SPDX-License-Identifier: MIT
 *
 * WRITE, FLUSH and RELEASE: what is written goes to the server line by line.
 */
#include "fs/ops.h"

#include "fs/handle.h"
#include "fs/line.h"
#include "fs/service.h"
#include "fs/writer.h"

#include <errno.h>

/* `result`: bytes, or -errno. */
static void answer_write(fuse_req_t req, gssize result)
{
    if (result < 0)
        fuse_reply_err(req, (int)-result);
    else
        fuse_reply_write(req, (size_t)result);
}

static void written(struct parked *parked, int error)
{
    /* interrupted behind some lines: a short write */
    answer_write(parked->req, error && !parked->done ? -error : (gssize)parked->done);
}

static void write_told(gpointer user_data, int error, gsize consumed)
{
    struct parked *parked = user_data;
    parked->done = consumed;
    parked_told(parked, error);
}

/* A cancelled write keeps the lines that are done. */
static void cancel_write(gpointer user_data)
{
    struct parked *parked = user_data;
    writer_cancel(parked->job, &parked->done);
}

static void ops_start_writer(struct parked *parked, struct handle *handle, const char *data,
                             size_t size, gboolean end)
{
    struct service *service = service_get(parked->fs, handle->service);
    struct writer_job *job = writer_begin(handle, data, size, end, write_told, parked);
    if (!job)
        return;
    parked->job = job;
    parked->wait = parked;
    parked->cancel = cancel_write;
    parked->count = &service->parked;
    parked->gate = handle->host ? &service->hosts.parked : NULL;
    /* Every line has the mount's timeout of its own. */
    parked_start(parked, 2 * parked->fs->options->timeout_s * 1000 + 1000);
}

/* The request that ended so comes again, its answer has not arrived. */
static gboolean is_answered(fuse_req_t req, const struct handle_answer *answer)
{
    const struct session_request *request = session_current(ops_fs(req)->session);
    return request->resent && answer->unique == request->unique;
}

void ops_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
               struct fuse_file_info *fi)
{
    struct handle *handle = handle_get(ops_fs(req), fi->fh);
    int error = handle ? ops_may_write(req) : EBADF;
    if (handle && is_answered(req, &handle->written))
        answer_write(req, handle->written.result);
    else if (error)
        fuse_reply_err(req, error);
    else if (!ops_put(req, ino, data, size))
        ops_start_writer(ops_park(req, ino, "", written), handle, data, size, FALSE);
}

/* Close of one descriptor: carries out the unfinished line. Without one (bash flushes before its
 * first write) nothing is done and nothing ends. */
void ops_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct handle *handle = handle_get(ops_fs(req), fi->fh);
    gboolean unfinished = handle && handle->pending->len;
    int error = unfinished ? ops_may_write(req) : 0;
    if (handle && is_answered(req, &handle->flushed))
        fuse_reply_err(req, (int)-handle->flushed.result);
    else if (!unfinished || error)
        fuse_reply_err(req, error);
    else
        ops_start_writer(ops_park(req, ino, "", ops_answer_error), handle, "", 0, TRUE);
}

struct defaults {
    struct fs *fs;
    guint64 service; /* id */
    char *host;
};

static void defaults_done(gpointer user_data, int error)
{
    struct defaults *defaults = user_data;
    struct service *service = service_get(defaults->fs, defaults->service);
    struct host *host = service ? hosts_find(&service->hosts, defaults->host) : NULL;
    if (error && host)
        hosts_abandon(&service->hosts, host);
    g_free(defaults->host);
    g_free(defaults);
}

/* The last close of a name that CREATE made. `touch hosts/NEW` writes nothing: registers with
 * defaults. What was written and refused leaves no name behind. */
static void end_created(struct handle *handle)
{
    struct service *service = service_get(handle->fs, handle->service);
    struct host *host = service ? hosts_find(&service->hosts, handle->host) : NULL;
    if (!host || !host->created)
        return;
    if (handle->wrote) {
        hosts_abandon(&service->hosts, host);
        return;
    }
    struct defaults *defaults = g_new0(struct defaults, 1);
    defaults->fs = handle->fs;
    defaults->service = handle->service;
    defaults->host = g_strdup(handle->host);
    line_begin_defaults(handle, (struct told){.fn = defaults_done, .user_data = defaults});
}

void ops_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct handle *handle = handle_get(ops_fs(req), fi->fh);
    if (handle && handle->created && !ops_fs(req)->closing)
        end_created(handle);
    if (handle)
        handle_close(handle);
    fuse_reply_err(req, 0);
}
