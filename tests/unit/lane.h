/* SPDX-License-Identifier: MIT
 *
 * The owner of a lane in tests: a list of orders, given one after the other, and what became of
 * them.
 */
#pragma once

#include "fs/mirror.h"

#include <errno.h>

struct lane {
    struct mirror_lane lane;
    GQueue wanted;     /* "OP path", owned; the first is ordered until it is done */
    GString *done;     /* "OP path error;" each */
    guint finished;    /* orders that came back */
    guint interrupted; /* with EINTR: tried again */
    gboolean gated;
    gboolean endless;  /* the first is wanted again and again */
    gint64 not_before; /* monotonic us */
};

static const char *const lane_ops[] = {"POKE", "MKNOD", "UNLINK", "MKDIR", "RMDIR"};

static inline enum mirror_turn lane_next(gpointer owner, enum mirror_op *op, char **path,
                                         gint64 *not_before)
{
    struct lane *lane = owner;
    const char *first = g_queue_peek_head(&lane->wanted);
    if (!first)
        return MIRROR_NOTHING;
    if (g_get_monotonic_time() < lane->not_before) {
        *not_before = lane->not_before;
        return MIRROR_LATER;
    }
    g_auto(GStrv) words = g_strsplit(first, " ", 2);
    for (guint i = 0; i < G_N_ELEMENTS(lane_ops); i++)
        if (g_str_equal(words[0], lane_ops[i]))
            *op = i;
    *path = g_strdup(words[1]);
    return MIRROR_ORDER;
}

static inline void lane_done(gpointer owner, enum mirror_op op, const char *path, int error)
{
    struct lane *lane = owner;
    if (error == EINTR) {
        lane->interrupted++;
        return;
    }
    lane->finished++;
    if (lane->endless)
        return;
    g_string_append_printf(lane->done, "%s %s %d;", lane_ops[op], path, error);
    g_free(g_queue_pop_head(&lane->wanted));
}

static inline gboolean lane_gated(gpointer owner)
{
    return ((struct lane *)owner)->gated;
}

static const struct mirror_lane_class lane_class = {lane_next, lane_done, lane_gated};

static inline struct lane *lane_new(void)
{
    struct lane *lane = g_new0(struct lane, 1);
    mirror_lane_init(&lane->lane, &lane_class, lane);
    lane->done = g_string_new(NULL);
    return lane;
}

static inline void lane_want(struct mirror *mirror, struct lane *lane, const char *order)
{
    g_queue_push_tail(&lane->wanted, g_strdup(order));
    mirror_mark(mirror, &lane->lane);
}

/* The mirror must be gone, or the lane removed from it. */
static inline void lane_free(struct lane *lane)
{
    g_queue_clear_full(&lane->wanted, g_free);
    g_string_free(lane->done, TRUE);
    g_free(lane);
}
