/* SPDX-License-Identifier: MIT */
#include "fs/audit.h"

#include "fs/session.h"
#include "fs/state.h"
#include "fs/tree.h"
#include "fs/wakeup.h"

#include <errno.h>

#define FIRST_US (2 * G_TIME_SPAN_SECOND)
#define AGAIN_US G_TIME_SPAN_HOUR
#define A_TURN 500 /* nodes, 2 us each */
/* The answer to a LOOKUP may have been written and its inode not been made yet. */
#define SETTLED_US (2 * G_TIME_SPAN_SECOND)

struct audit {
    struct fs *fs;
    GSource *wakeup;
    guint next;   /* index of the node to ask about next; 0 = a new round */
    guint leaked; /* in this round */
};

static void ask_about(struct audit *audit, const struct node *node, gint64 now)
{
    struct fs *fs = audit->fs;
    if (node->kind == NODE_ROOT || now - node->looked_up < SETTLED_US)
        return;
    if (session_inval_attr(fs->session, node->id) != ENOENT)
        return;
    audit->leaked++;
    tree_forget(fs->tree, node->id, node->nlookup);
}

static void turn(gpointer user_data)
{
    struct audit *audit = user_data;
    const struct tree *tree = audit->fs->tree;
    gint64 now = g_get_monotonic_time();
    guint last = MIN(audit->next + A_TURN, tree_high(tree));
    for (; audit->next < last; audit->next++) {
        const struct node *node = tree_at(tree, audit->next + 1);
        if (node)
            ask_about(audit, node, now);
    }
    if (audit->next < tree_high(tree)) {
        g_source_set_ready_time(audit->wakeup, WAKEUP_NOW);
        return;
    }
    g_debug("audit: %u nodes were forgotten unheard", audit->leaked);
    audit->next = audit->leaked = 0;
    g_source_set_ready_time(audit->wakeup, now + AGAIN_US);
}

struct audit *audit_new(struct fs *fs)
{
    struct audit *audit = g_new0(struct audit, 1);
    gboolean taken_over = state_shared(fs->state)->epoch > 1;
    audit->fs = fs;
    audit->wakeup = wakeup_new(G_PRIORITY_DEFAULT_IDLE, turn, audit);
    g_source_set_ready_time(audit->wakeup,
                            g_get_monotonic_time() + (taken_over ? FIRST_US : AGAIN_US));
    return audit;
}

void audit_free(struct audit *audit)
{
    if (!audit)
        return;
    wakeup_clear(&audit->wakeup);
    g_free(audit);
}
