/* SPDX-License-Identifier: MIT */
#define FUSE_USE_VERSION 35
#include "fs/session.h"

#include "fs/deaths.h"
#include "fs/die.h"
#include "fs/session_init.h"
#include "fs/wakeup.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <glib-unix.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#define REQUESTS_A_TURN 64
#define PRUNE_MOST 500
#define BUFFER_SIZE                                                                                \
    (1024 * 1024 + 8192) /* max_write and a header: less is EINVAL at every read                   \
                          */

/* linux/fuse.h of 7.40 and 7.45; Debian 12's headers are older. */
enum { NOTIFY_RESEND = 7, NOTIFY_PRUNE = 9 };
#define UNIQUE_RESEND (G_GUINT64_CONSTANT(1) << 63)

struct session {
    struct fuse_session *se;
    struct session_config config;
    struct state_shared *shared;
    struct session_init init;
    struct session_request current;
    void *buffer; /* of the request being read */
    GSource *source;
    struct die die;
    guint64 emptied;    /* how often there was nothing more to read */
    gboolean resending; /* what the daemon before had taken is still coming */
};

/* --- what is written ----------------------------------------------------------------------- */

/* Answers of 0 to 0 are notifications. */
static void note_answer(struct session *session, guint64 unique)
{
    if (session->shared->taken)
        session->shared->taken--;
    if (session->config.answered)
        session->config.answered(unique & ~UNIQUE_RESEND, session->config.user_data);
}

static ssize_t session_writev(int fd, struct iovec *parts, int count, void *user_data)
{
    struct session *session = user_data;
    guint64 unique = ((const struct fuse_out_header *)parts[0].iov_base)->unique;
    if (session->init.replaying)
        return session_init_compare(&session->init, parts, count);
    if (!session->init.done)
        session_init_answering(&session->init, parts, count);
    die_before_answer(&session->die, unique & ~UNIQUE_RESEND);
    ssize_t written = writev(fd, parts, count);
    int error = errno;
    die_after_answer(&session->die, unique & ~UNIQUE_RESEND);
    if (!session->init.done && written >= 0)
        session_init_answered(&session->init);
    if (unique)
        note_answer(session, unique);
    errno = error;
    return written;
}

static ssize_t session_read(int fd, void *buffer, size_t size, void *user_data)
{
    return read(fd, buffer, size);
}

static const struct fuse_custom_io io = {.writev = session_writev, .read = session_read};

static int notify(struct session *session, int code, const void *body, gsize length)
{
    struct fuse_out_header header = {.len = (guint32)(sizeof header + length), .error = code};
    struct iovec parts[] = {{&header, sizeof header}, {(void *)body, length}};
    return writev(session->config.fd, parts, length ? 2 : 1) < 0 ? errno : 0;
}

static void refuse(struct session *session, guint64 unique, int error)
{
    struct fuse_out_header header = {.len = sizeof header, .error = -error, .unique = unique};
    struct iovec part = {&header, sizeof header};
    session_writev(session->config.fd, &part, 1, session);
}

/* --- what is read -------------------------------------------------------------------------- */

static gboolean wants_answer(guint32 opcode)
{
    return opcode != FUSE_FORGET && opcode != FUSE_BATCH_FORGET && opcode != FUSE_INTERRUPT &&
           opcode != FUSE_NOTIFY_REPLY;
}

/* FORGET and INTERRUPT come between the resent ones as they like. */
static void note_resent(struct session *session, const struct session_request *request)
{
    gboolean tells = !request || (!request->resent && wants_answer(request->opcode));
    if (!session->resending || !tells)
        return;
    session->resending = FALSE;
    if (session->config.resent)
        session->config.resent(session->config.user_data);
}

/* Whoever dies now died of that. */
static void mark(struct session *session, const struct session_request *request)
{
    struct state_strike *current = &session->shared->current;
    __atomic_store_n(&current->unique, 0, __ATOMIC_RELEASE);
    current->node = request->node;
    current->opcode = request->opcode;
    __atomic_store_n(&current->unique, request->unique, __ATOMIC_RELEASE);
}

static int judge(struct session *session, const struct session_request *request)
{
    if (!wants_answer(request->opcode))
        return 0;
    const struct state_strike like = {
        .unique = request->unique, .node = request->node, .opcode = request->opcode};
    if (deaths_poisoned(session->shared, &like, g_get_monotonic_time())) {
        g_message("a request (opcode %u) that ended the daemon three times is answered with EIO",
                  request->opcode);
        return EIO;
    }
    return session->config.judge ? session->config.judge(request, session->config.user_data) : 0;
}

/* The kernel says INIT once in a mount: libfuse hears from us what it said then. */
static void replay(struct session *session)
{
    gsize length;
    g_autofree void *request = session_init_request(&session->init, &length);
    struct fuse_buf buffer = {.mem = request, .size = length};
    session->init.replaying = TRUE;
    fuse_session_process_buf(session->se, &buffer);
    session->init.replaying = FALSE;
}

static guint64 poll_handle(const struct fuse_in_header *in)
{
    const struct fuse_poll_in *poll = (const void *)(in + 1);
    return in->opcode == FUSE_POLL && (poll->flags & FUSE_POLL_SCHEDULE_NOTIFY) ? poll->kh : 0;
}

static void handle(struct session *session, gsize length)
{
    const struct fuse_in_header *in = session->buffer;
    struct fuse_buf buffer = {.mem = session->buffer, .size = length};
    session->current = (struct session_request){.unique = in->unique & ~UNIQUE_RESEND,
                                                .resent = (in->unique & UNIQUE_RESEND) != 0,
                                                .opcode = in->opcode,
                                                .node = in->nodeid,
                                                .poll_kh = poll_handle(in),
                                                .pid = (pid_t)in->pid};
    const struct session_request *request = &session->current;
    note_resent(session, request);
    int error = judge(session, request);
    mark(session, request);
    if (!error)
        die_at_request(&session->die, request->unique, request->opcode);
    if (!session->init.done && session_init_asked(&session->init, session->buffer, length))
        replay(session);
    if (error)
        refuse(session, in->unique, error);
    else
        fuse_session_process_buf(session->se, &buffer);
    session_working(session, NULL);
}

/* What is read counts as taken before it is: who dies in between has taken one at most. A resent
 * one was counted when it was read first. */
static ssize_t take(struct session *session)
{
    session->shared->taken++;
    ssize_t length = read(session->config.fd, session->buffer, BUFFER_SIZE);
    const struct fuse_in_header *in = session->buffer;
    if (length < (ssize_t)sizeof *in || !wants_answer(in->opcode) || (in->unique & UNIQUE_RESEND))
        session->shared->taken--;
    return length;
}

/* TRUE if one was handled; FALSE when there is none now. *gone: and there will be none. */
static gboolean serve_one(struct session *session, gboolean *gone)
{
    ssize_t length = take(session);
    if (length > 0) {
        handle(session, (gsize)length);
        return TRUE;
    }
    int error = errno;
    if (length < 0 && error == ENOENT) /* that one was interrupted while it was handed over */
        return TRUE;
    if (length < 0 && error == EAGAIN) {
        session->emptied++;
        note_resent(session, NULL);
    }
    *gone = length == 0 || (error != EINTR && error != EAGAIN);
    if (*gone && length < 0 && error != ENODEV)
        g_message("/dev/fuse: %s", g_strerror(error));
    return FALSE;
}

/* Bounded, so that under load the other sources have their turns. */
static gboolean session_dispatch(int fd, GIOCondition condition, gpointer user_data)
{
    struct session *session = user_data;
    gboolean gone = FALSE;
    g_source_set_ready_time(session->source, WAKEUP_NEVER);
    for (int i = 0; i < REQUESTS_A_TURN && serve_one(session, &gone); i++)
        ;
    gone = gone || fuse_session_exited(session->se);
    if (!gone)
        return G_SOURCE_CONTINUE;
    session->config.ended(session->config.user_data);
    return G_SOURCE_REMOVE;
}

/* --- life ---------------------------------------------------------------------------------- */

struct session *session_new(const struct session_config *config, char **why)
{
    struct session *session = g_new0(struct session, 1);
    session->config = *config;
    session->shared = state_shared(config->state);
    session->buffer = g_malloc(BUFFER_SIZE);
    session_init_load(&session->init, config->state);
    session->se = fuse_session_new(config->fuse_args, config->ops, sizeof *config->ops, session);
    gboolean begun = session->se && fuse_session_custom_io(session->se, &io, config->fd) == 0;
    if (begun && session->init.done)
        replay(session);
    if (begun && !session->init.differs)
        return session;
    *why =
        g_strdup(begun ? "this nacosfs does not speak to the kernel as the one that made the mount"
                       : "libfuse refuses the mount's options");
    session_free(session);
    return NULL;
}

void session_begin(struct session *session)
{
    if (session->shared->epoch > 1 && !session->shared->no_resend)
        session->shared->no_resend = notify(session, NOTIFY_RESEND, NULL, 0) == EINVAL;
    session->resending = TRUE;
    session->source = g_unix_fd_source_new(session->config.fd, G_IO_IN | G_IO_ERR | G_IO_HUP);
    g_source_set_callback(session->source, G_SOURCE_FUNC(session_dispatch), session, NULL);
    g_source_attach(session->source, g_main_context_get_thread_default());
    g_source_set_ready_time(session->source, WAKEUP_NOW); /* what is there is read at once */
}

void session_free(struct session *session)
{
    if (!session)
        return;
    wakeup_clear(&session->source);
    if (session->se)
        fuse_session_destroy(session->se); /* closes the descriptor */
    else
        close(session->config.fd);
    g_free(session->buffer);
    g_free(session);
}

gpointer session_user_data(const struct session *session)
{
    return session->config.user_data;
}

const struct session_request *session_current(const struct session *session)
{
    return &session->current;
}

void session_working(struct session *session, const struct session_request *request)
{
    session->current = request ? *request : (struct session_request){0};
    mark(session, &session->current);
}

/* --- notifications ------------------------------------------------------------------------- */

struct prune_header {
    guint32 count; /* struct fuse_notify_prune_out; the node ids follow */
    guint32 padding;
    guint64 spare;
};

static int prune(struct session *session, const guint64 *ids, guint n)
{
    struct fuse_out_header header = {.error = NOTIFY_PRUNE};
    struct prune_header body = {.count = n};
    header.len = (guint32)(sizeof header + sizeof body + n * sizeof *ids);
    struct iovec parts[] = {
        {&header, sizeof header}, {&body, sizeof body}, {(void *)ids, n * sizeof *ids}};
    return writev(session->config.fd, parts, G_N_ELEMENTS(parts)) < 0 ? errno : 0;
}

int session_prune(struct session *session, const guint64 *ids, guint n)
{
    int error = 0;
    for (guint done = 0; done < n && !error; done += PRUNE_MOST)
        error = prune(session, ids + done, MIN(n - done, PRUNE_MOST));
    return error;
}

guint64 session_emptied(struct session *session)
{
    struct pollfd waits = {.fd = session->config.fd, .events = POLLIN};
    if (poll(&waits, 1, 0) == 0)
        session->emptied++;
    return session->emptied;
}

int session_inval_attr(struct session *session, guint64 id)
{
    struct fuse_notify_inval_inode_out body = {.ino = id, .off = -1};
    return notify(session, FUSE_NOTIFY_INVAL_INODE, &body, sizeof body);
}

int session_notify_poll(struct session *session, guint64 kh)
{
    struct fuse_notify_poll_wakeup_out body = {.kh = kh};
    return notify(session, FUSE_NOTIFY_POLL, &body, sizeof body);
}
