/* SPDX-License-Identifier: MIT */
#include "fs/mirror.h"

#include "fs/mirror_pool.h"
#include "fs/wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define ORDER_US 1000 /* 1,000 orders a second over all lanes */
#define BURST 100     /* orders that may go out at once after a quiet time */
#define PAUSE_US                                                                                   \
    G_TIME_SPAN_SECOND /* of a lane after an error that no race with a user explains               \
                        */

struct mirror {
    struct mirror_pool *pool;
    GSource *turn;
    GQueue queue;    /* lanes whose turn comes, oldest first */
    GQueue gated;    /* until mirror_wake() */
    GQueue later;    /* until their not_before, soonest first */
    GQueue inflight; /* at a helper */
    gint64 spent;    /* monotonic us: the bucket holds (now - spent) / ORDER_US orders */
    gboolean held;
    void (*noted)(pid_t pid, gboolean alive, gpointer user_data); /* NULL = nobody is told */
    gpointer noted_data;
};

static void lane_place(struct mirror_lane *lane, GQueue *queue, gboolean first)
{
    lane->queue = queue;
    if (first)
        g_queue_push_head_link(queue, &lane->link);
    else
        g_queue_push_tail_link(queue, &lane->link);
}

static void lane_take(struct mirror_lane *lane)
{
    if (lane->queue)
        g_queue_unlink(lane->queue, &lane->link);
    lane->queue = NULL;
    lane->paused = FALSE;
}

/* Times mostly come in ascending order: the place is near the end. */
static void lane_place_by_time(struct mirror_lane *lane, GQueue *later)
{
    GList *before = later->tail;
    while (before && ((struct mirror_lane *)before->data)->not_before > lane->not_before)
        before = before->prev;
    lane->queue = later;
    g_queue_insert_after_link(later, before, &lane->link);
}

static void take_due_lanes(struct mirror *mirror, gint64 now)
{
    struct mirror_lane *lane;
    while ((lane = g_queue_peek_head(&mirror->later)) && lane->not_before <= now) {
        lane_take(lane);
        lane_place(lane, &mirror->queue, FALSE);
    }
}

/* The time from which the bucket holds an order. */
static gint64 bucket_ready(struct mirror *mirror, gint64 now)
{
    mirror->spent = MAX(mirror->spent, now - BURST * ORDER_US);
    return mirror->spent + ORDER_US;
}

/* Takes the lane's turn. It is in no queue meanwhile, so that its owner may mark it again. */
static void lane_turn(struct mirror *mirror, struct mirror_lane *lane, struct mirror_helper *helper)
{
    if (lane->class->gated && lane->class->gated(lane->owner)) {
        lane_place(lane, &mirror->gated, FALSE);
        return;
    }
    enum mirror_op op = MIRROR_POKE;
    char *path = NULL;
    gint64 not_before = 0;
    enum mirror_turn turn = lane->class->next(lane->owner, &op, &path, &not_before);
    if (turn == MIRROR_NOTHING)
        return;
    lane_take(lane);
    if (turn == MIRROR_LATER) {
        lane->not_before = not_before;
        lane_place_by_time(lane, &mirror->later);
        return;
    }
    mirror->spent += ORDER_US;
    lane->helper = helper;
    lane_place(lane, &mirror->inflight, FALSE);
    mirror_pool_order(helper, op, lane, path);
}

/* Without an idle helper there is nothing to wait for but an answer. */
static gint64 next_turn(struct mirror *mirror, gint64 now)
{
    if (mirror->held || !mirror_pool_idle(mirror->pool))
        return WAKEUP_NEVER;
    gint64 time = G_MAXINT64;
    struct mirror_lane *later = g_queue_peek_head(&mirror->later);
    if (later)
        time = later->not_before;
    if (mirror->queue.length)
        time = MIN(time, bucket_ready(mirror, now));
    return time == G_MAXINT64 ? WAKEUP_NEVER : time;
}

static void mirror_turn(gpointer user_data)
{
    struct mirror *mirror = user_data;
    gint64 now = g_get_monotonic_time();
    take_due_lanes(mirror, now);
    struct mirror_helper *helper;
    while (!mirror->held && mirror->queue.length && bucket_ready(mirror, now) <= now &&
           (helper = mirror_pool_idle(mirror->pool))) {
        struct mirror_lane *lane = g_queue_peek_head(&mirror->queue);
        lane_take(lane);
        lane_turn(mirror, lane, helper);
    }
    g_source_set_ready_time(mirror->turn, next_turn(mirror, now));
}

static void schedule(struct mirror *mirror)
{
    g_source_set_ready_time(mirror->turn, WAKEUP_NOW);
}

static void pool_started(gpointer user_data)
{
    schedule(user_data);
}

static void pool_noted(gpointer user_data, pid_t pid, gboolean alive)
{
    const struct mirror *mirror = user_data;
    if (mirror->noted)
        mirror->noted(pid, alive, mirror->noted_data);
}

void mirror_note_helpers(struct mirror *mirror,
                         void (*noted)(pid_t pid, gboolean alive, gpointer user_data),
                         gpointer user_data)
{
    mirror->noted = noted;
    mirror->noted_data = user_data;
    mirror_pool_note_all(mirror->pool);
}

void mirror_hold(struct mirror *mirror, gboolean hold)
{
    mirror->held = hold;
    if (!hold)
        mirror_pool_begin(mirror->pool);
    schedule(mirror);
}

/* Without a pause a lane whose order can never succeed (ENODEV: the mount was detached lazily)
 * would be tried as fast as the helpers are. */
static gboolean is_strange(int error)
{
    return error && error != EEXIST && error != ENOENT && error != EPERM && error != EINTR;
}

/* The lane is put back before its owner hears of it: `done` may remove it. */
static void pool_answered(gpointer user_data, const struct mirror_order *order, int error)
{
    struct mirror *mirror = user_data;
    schedule(mirror);
    struct mirror_lane *lane = order->lane;
    if (!lane)
        return;
    lane_take(lane);
    lane->helper = NULL;
    if (is_strange(error)) {
        g_info("cannot announce %s: %s", order->path, g_strerror(error));
        lane->not_before = g_get_monotonic_time() + PAUSE_US;
        lane_place_by_time(lane, &mirror->later);
        lane->paused = TRUE;
    } else {
        lane_place(lane, &mirror->queue, FALSE);
    }
    lane->class->done(lane->owner, order->op, order->path, error);
}

/* DONT_SYNC: the daemon itself must never wait for an answer of its own mount. */
static gboolean find_device(const char *mountpoint, guint64 *device, char **why)
{
    struct statx stat;
    if (statx(AT_FDCWD, mountpoint, AT_STATX_DONT_SYNC, 0, &stat)) {
        *why = g_strdup_printf("%s: %s", mountpoint, g_strerror(errno));
        return FALSE;
    }
    *device = makedev(stat.stx_dev_major, stat.stx_dev_minor);
    return TRUE;
}

static struct mirror *new_mirror(const char *const *argv, guint helpers, const char *mountpoint,
                                 gboolean later, char **why)
{
    struct mirror *mirror = g_new0(struct mirror, 1);
    struct mirror_pool_config config = {
        .argv = argv,
        .helpers = helpers,
        .later = later,
        .answered = pool_answered,
        .started = pool_started,
        .noted = pool_noted,
        .user_data = mirror,
    };
    if (find_device(mountpoint, &config.device, why))
        mirror->pool = mirror_pool_new(&config, why);
    if (!mirror->pool) {
        g_free(mirror);
        return NULL;
    }
    mirror->turn = wakeup_new(G_PRIORITY_HIGH, mirror_turn, mirror);
    return mirror;
}

struct mirror *mirror_new(const char *const *argv, guint helpers, const char *mountpoint,
                          char **why)
{
    return new_mirror(argv, helpers, mountpoint, FALSE, why);
}

struct mirror *mirror_new_held(const char *const *argv, guint helpers, const char *mountpoint,
                               char **why)
{
    struct mirror *mirror = new_mirror(argv, helpers, mountpoint, TRUE, why);
    if (mirror)
        mirror->held = TRUE;
    return mirror;
}

static void forget_lanes(GQueue *queue)
{
    struct mirror_lane *lane;
    while ((lane = g_queue_peek_head(queue))) {
        lane_take(lane);
        lane->helper = NULL;
    }
}

void mirror_free(struct mirror *mirror)
{
    if (!mirror)
        return;
    forget_lanes(&mirror->queue);
    forget_lanes(&mirror->gated);
    forget_lanes(&mirror->later);
    forget_lanes(&mirror->inflight);
    mirror_pool_free(mirror->pool);
    wakeup_clear(&mirror->turn);
    g_free(mirror);
}

void mirror_lane_init(struct mirror_lane *lane, const struct mirror_lane_class *class,
                      gpointer owner)
{
    *lane = (struct mirror_lane){.class = class, .owner = owner, .link.data = lane};
}

void mirror_lane_remove(struct mirror *mirror, struct mirror_lane *lane)
{
    lane_take(lane);
    if (lane->helper)
        mirror_pool_forget(lane->helper);
    lane->helper = NULL;
}

/* A lane in flight needs no mark: it is asked again anyway. */
void mirror_mark(struct mirror *mirror, struct mirror_lane *lane)
{
    if (lane->queue == &mirror->later && !lane->paused)
        lane_take(lane); /* what is new may not have to wait for that time */
    if (lane->queue)
        return;
    lane_place(lane, &mirror->queue, FALSE);
    schedule(mirror);
}

/* The gated ones are older than those that wait for their turn. */
void mirror_wake(struct mirror *mirror)
{
    struct mirror_lane *lane;
    while ((lane = g_queue_peek_tail(&mirror->gated))) {
        lane_take(lane);
        lane_place(lane, &mirror->queue, TRUE);
    }
    schedule(mirror);
}

const struct mirror_order *mirror_order_from(const struct mirror *mirror, pid_t pid)
{
    const struct mirror_helper *helper = mirror_pool_find(mirror->pool, pid);
    return helper ? mirror_pool_get_order(helper) : NULL;
}

gboolean mirror_is_helper(const struct mirror *mirror, pid_t pid)
{
    return mirror_pool_find(mirror->pool, pid) != NULL;
}

guint mirror_backlog(const struct mirror *mirror)
{
    return mirror->queue.length + mirror->gated.length + mirror->later.length +
           mirror->inflight.length;
}
