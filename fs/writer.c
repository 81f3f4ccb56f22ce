/* SPDX-License-Identifier: MIT */
#include "fs/writer.h"

#include "fs/error.h"
#include "fs/kept.h"
#include "fs/line.h"
#include "fs/parse.h"
#include "fs/service.h"
#include "fs/session.h"

#include <errno.h>
#include <string.h>

struct writer_job {
    struct fs *fs;
    guint64 handle;                    /* id */
    guint64 unique;                    /* of the request */
    GString *text;                     /* the carried unfinished line and what was written now */
    gsize carried;                     /* bytes of `text` that came with earlier writes */
    gsize at;                          /* start of the line to do next */
    gsize line_end;                    /* behind the line under way, its newline included */
    gboolean end;                      /* the last line counts without a newline */
    gint64 started;                    /* monotonic us */
    const struct journal_entry *again; /* an earlier daemon was at this line; NULL = no */
    struct line_op *op;
    gboolean beginning; /* inside writer_begin: the end is told by it */
    gboolean finished;
    int error;
    gsize consumed;
    writer_fn fn;
    gpointer user_data;
};

static gsize consumed_now(const struct writer_job *job)
{
    return job->at > job->carried ? job->at - job->carried : 0;
}

static void job_free(struct writer_job *job)
{
    g_string_free(job->text, TRUE);
    g_free(job);
}

static void tell(struct writer_job *job)
{
    writer_fn fn = job->fn;
    gpointer user_data = job->user_data;
    int error = job->error;
    gsize consumed = job->consumed;
    job_free(job);
    fn(user_data, error, consumed);
}

/* Should this daemon die before the answer arrives, the next one gives the same. */
static void note_answer(const struct writer_job *job, struct handle *handle)
{
    struct handle_answer *answer = job->end ? &handle->flushed : &handle->written;
    answer->unique = job->unique;
    answer->result = job->error ? -job->error : (gssize)job->consumed;
    kept_handle_state(handle);
}

static void finish(struct writer_job *job, int error)
{
    struct handle *handle = handle_get(job->fs, job->handle);
    job->consumed = consumed_now(job);
    if (error == 0) {
        job->consumed = job->text->len - job->carried;
        g_string_append_len(handle->pending, job->text->str + job->at,
                            (gssize)(job->text->len - job->at));
    }
    job->error =
        job->consumed ? 0 : error; /* a short write: the bytes before the line that failed */
    note_answer(job, handle);
    job->finished = TRUE;
    if (!job->beginning)
        tell(job);
}

/* The next line's length without newline, in *length; FALSE if no whole one is left. */
static gboolean next_line(struct writer_job *job, gsize *length)
{
    const char *start = job->text->str + job->at;
    gsize left = job->text->len - job->at;
    const char *newline = memchr(start, '\n', left);
    if (!newline && (!job->end || left == 0))
        return FALSE;
    *length = newline ? (gsize)(newline - start) : left;
    job->line_end = job->at + *length + (newline ? 1 : 0);
    return TRUE;
}

static int too_long(const struct writer_job *job, const struct handle *handle)
{
    const struct service *service = service_get(job->fs, handle->service);
    return error_note(job->fs, EMSGSIZE, service->path, "a line is longer than 64 KiB");
}

static gboolean is_late(const struct writer_job *job)
{
    gint64 limit = job->fs->options->timeout_s * G_USEC_PER_SEC;
    return consumed_now(job) && g_get_monotonic_time() - job->started > limit;
}

static void run(struct writer_job *job);

static void line_told(gpointer user_data, int error)
{
    struct writer_job *job = user_data;
    job->op = NULL;
    if (error) {
        finish(job, error);
        return;
    }
    job->at = job->line_end;
    run(job);
}

static struct told told_of(struct writer_job *job)
{
    return (struct told){.fn = line_told, .user_data = job, .asker = {job->unique, job->at}};
}

static struct line_op *begin_line(struct writer_job *job, const struct handle *handle, gsize length,
                                  int *error)
{
    struct told told = told_of(job);
    told.again = g_steal_pointer(&job->again);
    return line_begin(handle, job->text->str + job->at, length, told, error);
}

/* An earlier daemon had taken this request: goes on where that one was. FALSE if the line there had
 * failed: *error. */
static gboolean resume(struct writer_job *job, int *error)
{
    const struct fs *fs = job->fs;
    const struct journal_entry *entry = journal_claim(fs->journal, job->unique);
    gsize length;
    if (!entry || entry->at > job->text->len)
        return TRUE;
    job->at = entry->at;
    if (!entry->done) {
        job->again = entry;
        return TRUE;
    }
    *error = entry->result;
    if (*error == 0 && next_line(job, &length))
        job->op = line_settle(handle_get(job->fs, job->handle), told_of(job));
    if (*error == 0 && !job->op)
        job->at = job->line_end;
    return *error == 0;
}

static void run(struct writer_job *job)
{
    gsize length;
    for (;;) {
        struct handle *handle = handle_get(job->fs, job->handle);
        int error = 0;
        if (!next_line(job, &length)) {
            if (job->text->len - job->at > PARSE_MAX_LINE)
                error = too_long(job, handle);
            finish(job, error);
            return;
        }
        if (is_late(job)) { /* a short write; the caller writes the rest anew */
            finish(job, ETIMEDOUT);
            return;
        }
        handle->wrote |= !parse_is_blank(job->text->str + job->at, length);
        if (length > PARSE_MAX_LINE)
            error = too_long(job, handle);
        else
            job->op = begin_line(job, handle, length, &error);
        if (error) {
            finish(job, error);
            return;
        }
        if (job->op)
            return;
        job->at = job->line_end;
    }
}

struct writer_job *writer_begin(struct handle *handle, const char *data, gsize size, gboolean end,
                                writer_fn fn, gpointer user_data)
{
    struct writer_job *job = g_new0(struct writer_job, 1);
    int error = 0;
    job->fs = handle->fs;
    job->handle = handle->id;
    job->text = handle->pending;
    handle->pending = g_string_new(NULL);
    job->carried = job->text->len;
    g_string_append_len(job->text, data, (gssize)size);
    job->end = end;
    job->started = g_get_monotonic_time();
    job->fn = fn;
    job->user_data = user_data;
    job->unique = session_current(handle->fs->session)->unique;
    job->beginning = TRUE;
    if (!resume(job, &error))
        finish(job, error);
    else if (!job->op)
        run(job);
    job->beginning = FALSE;
    if (!job->finished)
        return job;
    tell(job);
    return NULL;
}

void writer_cancel(struct writer_job *job, gsize *consumed)
{
    struct handle *handle = handle_get(job->fs, job->handle);
    if (consumed)
        *consumed = consumed_now(job);
    if (handle && job->at == 0) /* the write never was: what came before it is still there */
        g_string_append_len(handle->pending, job->text->str, (gssize)job->carried);
    if (handle)
        kept_handle_state(handle);
    line_cancel(job->op);
    job_free(job);
}
