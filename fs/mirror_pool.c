/* SPDX-License-Identifier: MIT */
#include "fs/mirror_pool.h"

#include "fs/child.h"
#include "fs/mirror_helper.h"
#include "fs/wakeup.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_US                                                                                \
    (5 * G_TIME_SPAN_SECOND) /* an answer later than this: stopped, or in D state                  \
                              */
#define QUICK_DEATH_US                                                                             \
    (1 * G_TIME_SPAN_SECOND) /* dead sooner than this counts for the back-off                      \
                              */
#define LAST_WAIT_MS 200
#define APART_MS 30       /* between two that are started one after the other */
#define MOST_PROCESSES 16 /* those included that were killed and cannot die yet */

struct mirror_helper {
    struct mirror_pool *pool;
    struct child *child;
    int socket;
    GSource *answers;
    GSource *watchdog;
    gint64 started;            /* monotonic us */
    gboolean stuck;            /* killed for its silence; another stands in for it */
    guint32 serial;            /* of the last order */
    struct mirror_order order; /* path NULL = idle; lane NULL = forgotten */
};

struct mirror_pool {
    char **argv;
    struct mirror_pool_config config;
    GPtrArray *helpers; /* struct mirror_helper, owned: the list of pids */
    GSource *refill;
    gboolean one_by_one; /* until all are there for the first time */
    guint quick_deaths;  /* one after the other */
};

/* From the n-th quick death on, ms. */
static const int restart_delays[] = {0, 0, 50, 200, 800};

/* The helper must be out of the list: reaped here, its pid is anybody's. */
static void helper_free(struct mirror_helper *helper)
{
    wakeup_clear(&helper->answers);
    wakeup_clear(&helper->watchdog);
    close(helper->socket);
    helper->pool->config.noted(helper->pool->config.user_data, child_pid(helper->child), FALSE);
    child_free(helper->child);
    g_free(helper->order.path);
    g_free(helper);
}

static void helper_finish(struct mirror_helper *helper, int error)
{
    struct mirror_pool *pool = helper->pool;
    struct mirror_order order = helper->order;
    helper->order = (struct mirror_order){0};
    g_source_set_ready_time(helper->watchdog, WAKEUP_NEVER);
    pool->config.answered(pool->config.user_data, &order, error);
    g_free(order.path);
}

/* TRUE if the socket had the answer to the order in flight. */
static gboolean helper_read_answer(struct mirror_helper *helper, int *error)
{
    struct mirror_answer answer;
    ssize_t length = recv(helper->socket, &answer, sizeof answer, MSG_DONTWAIT);
    if (length != sizeof answer || !helper->order.path || answer.serial != helper->serial)
        return FALSE;
    *error = answer.error;
    return TRUE;
}

static gboolean helper_answered(int fd, GIOCondition condition, gpointer user_data)
{
    struct mirror_helper *helper = user_data;
    int error;
    if (helper_read_answer(helper, &error)) {
        helper_finish(helper, error);
        return G_SOURCE_CONTINUE;
    }
    /* End of file or nonsense: it is no use any more; its end is seen by the pidfd. */
    child_kill(helper->child, SIGKILL);
    helper->stuck = TRUE;
    return G_SOURCE_REMOVE;
}

static void pool_refill_after(struct mirror_pool *pool, int delay_ms)
{
    g_source_set_ready_time(pool->refill,
                            g_get_monotonic_time() + delay_ms * G_TIME_SPAN_MILLISECOND);
}

static void pool_count_death(struct mirror_pool *pool, gboolean quick)
{
    pool->quick_deaths = quick ? pool->quick_deaths + 1 : 1;
    guint last = G_N_ELEMENTS(restart_delays) - 1;
    pool_refill_after(pool, restart_delays[MIN(pool->quick_deaths - 1, last)]);
}

/* Strike it from the list, then reap it: whoever gets the pid next is not taken for the helper. */
static void helper_ended(struct child *child, gpointer user_data)
{
    struct mirror_helper *helper = user_data;
    struct mirror_pool *pool = helper->pool;
    gboolean quick = g_get_monotonic_time() - helper->started < QUICK_DEATH_US;
    guint index;
    if (g_ptr_array_find(pool->helpers, helper, &index))
        g_ptr_array_steal_index_fast(pool->helpers, index);
    g_info("a mirror helper ended (status %d)", child_status(child));
    pool_count_death(pool, quick);
    int error = EINTR;
    if (helper->order.path) {
        helper_read_answer(helper, &error);
        helper_finish(helper, error);
    }
    helper_free(helper);
}

/* It answers too late. What it stands behind may keep it in D state, so a new one takes its place
 * at once; it stays in the list, its order in flight, until it is dead. */
static void helper_is_late(gpointer user_data)
{
    struct mirror_helper *helper = user_data;
    g_info("a mirror helper does not answer: %s", helper->order.path);
    helper->stuck = TRUE;
    child_kill(helper->child, SIGKILL);
    pool_refill_after(helper->pool, 0);
}

static struct child *helper_spawn(struct mirror_helper *helper, int socket, char **why)
{
    struct child_config config = {
        .program = "/proc/self/exe",
        .argv = (const char *const *)helper->pool->argv,
        .fd = socket,
        .error_fd = -1,
        .ended = helper_ended,
        .user_data = helper,
    };
    return child_new(&config, why);
}

static gboolean pool_start_helper(struct mirror_pool *pool, char **why)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
        *why = g_strdup_printf("socketpair: %s", g_strerror(errno));
        return FALSE;
    }
    struct mirror_helper *helper = g_new0(struct mirror_helper, 1);
    helper->pool = pool;
    helper->child = helper_spawn(helper, pair[1], why);
    close(pair[1]);
    if (!helper->child) {
        close(pair[0]);
        g_free(helper);
        return FALSE;
    }
    helper->socket = pair[0];
    helper->started = g_get_monotonic_time();
    helper->watchdog = wakeup_new(G_PRIORITY_DEFAULT, helper_is_late, helper);
    helper->answers = g_unix_fd_source_new(helper->socket, G_IO_IN | G_IO_HUP | G_IO_ERR);
    g_source_set_callback(helper->answers, G_SOURCE_FUNC(helper_answered), helper, NULL);
    g_source_attach(helper->answers, g_main_context_get_thread_default());
    g_ptr_array_add(pool->helpers, helper);
    pool->config.noted(pool->config.user_data, child_pid(helper->child), TRUE);
    return TRUE;
}

static guint pool_usable(const struct mirror_pool *pool)
{
    guint usable = 0;
    for (guint i = 0; i < pool->helpers->len; i++)
        usable += !((struct mirror_helper *)pool->helpers->pdata[i])->stuck;
    return usable;
}

static gboolean pool_fill(struct mirror_pool *pool, char **why)
{
    while (pool_usable(pool) < pool->config.helpers && pool->helpers->len < MOST_PROCESSES)
        if (!pool_start_helper(pool, why))
            return FALSE;
    return TRUE;
}

static void pool_refill(gpointer user_data)
{
    struct mirror_pool *pool = user_data;
    g_autofree char *why = NULL;
    gboolean started = pool->one_by_one ? pool_start_helper(pool, &why) : pool_fill(pool, &why);
    pool->one_by_one &= pool_usable(pool) < pool->config.helpers;
    if (started && pool->one_by_one)
        pool_refill_after(pool, APART_MS);
    if (!started) {
        g_message("cannot start a mirror helper: %s", why);
        pool_count_death(pool, TRUE);
    }
    pool->config.started(pool->config.user_data);
}

static char **argv_with_socket(const char *const *argv)
{
    GPtrArray *copy = g_ptr_array_new();
    for (; *argv; argv++)
        g_ptr_array_add(copy, g_strdup(*argv));
    g_ptr_array_add(copy, g_strdup_printf("%d", CHILD_FD));
    g_ptr_array_add(copy, NULL);
    return (char **)g_ptr_array_free(copy, FALSE);
}

struct mirror_pool *mirror_pool_new(const struct mirror_pool_config *config, char **why)
{
    struct mirror_pool *pool = g_new0(struct mirror_pool, 1);
    pool->config = *config;
    pool->argv = argv_with_socket(config->argv);
    pool->helpers = g_ptr_array_new_with_free_func((GDestroyNotify)helper_free);
    pool->refill = wakeup_new(G_PRIORITY_DEFAULT, pool_refill, pool);
    if (config->later)
        return pool;
    if (!pool_start_helper(pool, why)) {
        mirror_pool_free(pool);
        return NULL;
    }
    g_autofree char *later = NULL;
    if (!pool_fill(pool, &later))
        pool_count_death(pool, TRUE);
    return pool;
}

void mirror_pool_free(struct mirror_pool *pool)
{
    gint64 deadline = g_get_monotonic_time() + LAST_WAIT_MS * G_TIME_SPAN_MILLISECOND;
    for (guint i = 0; i < pool->helpers->len; i++)
        child_kill(((struct mirror_helper *)pool->helpers->pdata[i])->child, SIGKILL);
    for (guint i = 0; i < pool->helpers->len; i++) {
        gint64 left = MAX(deadline - g_get_monotonic_time(), 0);
        child_wait(((struct mirror_helper *)pool->helpers->pdata[i])->child,
                   left / G_TIME_SPAN_MILLISECOND);
    }
    g_ptr_array_unref(pool->helpers);
    wakeup_clear(&pool->refill);
    g_strfreev(pool->argv);
    g_free(pool);
}

void mirror_pool_begin(struct mirror_pool *pool)
{
    pool->one_by_one = pool_usable(pool) < pool->config.helpers;
    if (pool->one_by_one)
        pool_refill_after(pool, 0);
}

void mirror_pool_note_all(const struct mirror_pool *pool)
{
    for (guint i = 0; i < pool->helpers->len; i++) {
        const struct mirror_helper *helper = pool->helpers->pdata[i];
        pool->config.noted(pool->config.user_data, child_pid(helper->child), TRUE);
    }
}

struct mirror_helper *mirror_pool_idle(const struct mirror_pool *pool)
{
    for (guint i = 0; i < pool->helpers->len; i++) {
        struct mirror_helper *helper = pool->helpers->pdata[i];
        if (!helper->order.path && !helper->stuck)
            return helper;
    }
    return NULL;
}

/* A send that fails means a dead helper: the order counts as sent and ends with EINTR when the
 * pidfd says so, as if it had died a moment later. */
void mirror_pool_order(struct mirror_helper *helper, enum mirror_op op, struct mirror_lane *lane,
                       char *path)
{
    struct mirror_call call = {op, ++helper->serial, helper->pool->config.device};
    struct iovec parts[] = {{&call, sizeof call}, {path, strlen(path)}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = G_N_ELEMENTS(parts)};
    helper->order = (struct mirror_order){.op = op, .lane = lane, .path = path};
    g_source_set_ready_time(helper->watchdog, g_get_monotonic_time() + PATIENCE_US);
    if (sendmsg(helper->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        child_kill(helper->child, SIGKILL);
}

void mirror_pool_forget(struct mirror_helper *helper)
{
    helper->order.lane = NULL;
}

struct mirror_helper *mirror_pool_find(const struct mirror_pool *pool, pid_t pid)
{
    for (guint i = 0; pid > 0 && i < pool->helpers->len; i++) {
        struct mirror_helper *helper = pool->helpers->pdata[i];
        if (child_pid(helper->child) == pid)
            return helper;
    }
    return NULL;
}

const struct mirror_order *mirror_pool_get_order(const struct mirror_helper *helper)
{
    return helper->order.lane ? &helper->order : NULL;
}
