/* SPDX-License-Identifier: MIT */
#include "fs/node_use.h"

#include "fs/die.h"
#include "fs/group.h"
#include "fs/interest.h"
#include "fs/render_dir.h"
#include "fs/service.h"
#include "fs/session.h"
#include "fs/tree.h"
#include "fs/watches.h"

#define SETTLED_AFTER                                                                              \
    (G_USEC_PER_SEC / 2) /* us since the last look-up before a node is asked about */
#define NEVER_SETTLED (2 * G_USEC_PER_SEC) /* us between questions about one always looked up */
#define ASK_AGAIN (15 * G_USEC_PER_SEC)    /* us between questions about a node in use */
#define HELD_LONG (2 * G_USEC_PER_SEC)     /* us held that count as in use if nobody can tell */
#define PRUNE_BATCH 500

struct node_use {
    struct fs *fs;
    gboolean cannot_prune; /* kernel before 6.18 */
    guint64 pruned_at;     /* session_emptied() at the last prune */
    struct watches *watches;
    guint round; /* of them, that was taken in last */
};

/* --- whose node is it ---------------------------------------------------------------------- */

static struct service *node_service(const struct fs *fs, const struct node *node)
{
    switch (node->kind) {
    case NODE_SERVICE:
    case NODE_SERVICE_FILE:
    case NODE_HOSTS:
    case NODE_HOST:
    case NODE_RENDERED:
    case NODE_RENDERED_TEMP:
    case NODE_CLUSTERS:
    case NODE_CLUSTER:
    case NODE_CLUSTER_FILE:
        return service_get(fs, node->owner);
    default:
        return NULL;
    }
}

static struct group *node_group(const struct fs *fs, const struct node *node)
{
    return node->kind == NODE_GROUP ? group_get(fs, node->owner) : NULL;
}

static struct format_directory *node_format(const struct fs *fs, const struct node *node)
{
    return node->kind == NODE_FORMAT ? render_directory(fs, (guint)render_format_find(node->name))
                                     : NULL;
}

static void count(struct fs *fs, const struct node *node, int held, int watched)
{
    struct service *service = node_service(fs, node);
    struct group *group = node_group(fs, node);
    struct format_directory *format = node_format(fs, node);
    if (service) {
        if (node->kind >= NODE_CLUSTERS && node->kind <= NODE_CLUSTER_FILE)
            service->clusters.held += held;
        service->held += held;
        service->watched += watched;
    }
    if (group) {
        group->held += held;
        group->watched += watched;
    }
    if (format) {
        format->held += held;
        format->watched += watched;
    }
}

void node_use_added(struct fs *fs, const struct node *node)
{
    count(fs, node, 1, 0);
    if (fs->node_use->cannot_prune)
        watches_hurry(fs->node_use->watches);
}

void node_use_gone(struct fs *fs, const struct node *node)
{
    count(fs, node, -1, node->survived >= NODE_IN_USE ? -1 : 0);
}

static void set_used(struct fs *fs, struct node *node, gboolean used)
{
    if (used == (node->survived >= NODE_IN_USE))
        return;
    tree_set_survived(node, used ? NODE_IN_USE : 0);
    count(fs, node, 0, used ? 1 : -1);
}

/* --- asked by prune ------------------------------------------------------------------------ */

/* What is looked up all the time may be watched, too. */
static gboolean is_settled(const struct node *node, gint64 now)
{
    return now - node->looked_up >= SETTLED_AFTER;
}

static gboolean is_node_due(const struct node *node, gint64 now)
{
    gint64 asked = MAX(node->asked, node->made);
    if (node->survived >= NODE_IN_USE)
        return is_settled(node, now) && now - node->asked >= ASK_AGAIN;
    return is_settled(node, now) || now - asked >= NEVER_SETTLED;
}

/* Since the prune that named it last, unless somebody has looked it up meanwhile, as those do who
 * just pass. */
static gboolean has_outlived(const struct node *node, gint64 now)
{
    return node->asked && (node->asked > node->looked_up || !is_settled(node, now));
}

/* The kernel keeps a directory for the sake of what it holds in it: files are asked about together
 * with their directory, or that would look watched. */
static gboolean is_directory_asked(const struct fs *fs, const struct node *rendered, gint64 now)
{
    const struct node *directory = tree_find(fs->tree, NODE_FORMAT, 0, rendered->name);
    return directory && (directory->asked == now || is_node_due(directory, now));
}

/* Whoever waits for a service stands in it only until the answer comes. */
static gboolean is_asked(const struct fs *fs, const struct node *node, gint64 now)
{
    const struct service *service = node_service(fs, node);
    if (node->kind == NODE_ROOT || !is_node_due(node, now) || (service && service->parked))
        return FALSE;
    if (!service || !(interest_is_lately_opened(service, now) || renderings_are_followed(service)))
        return TRUE;
    return node->kind == NODE_RENDERED &&
           (!service_exists(service) || is_directory_asked(fs, node, now));
}

static void prune(struct node_use *use, const guint64 *ids, guint n)
{
    if (n && session_prune(use->fs->session, ids, n) != 0)
        use->cannot_prune = TRUE;
}

/* Nothing can be told before all that the kernel had to say to the last prune was read. */
static void tick_prune(struct node_use *use, gint64 now)
{
    struct fs *fs = use->fs;
    guint64 ids[PRUNE_BATCH];
    guint n = 0;
    guint64 emptied = session_emptied(fs->session);
    if (emptied == use->pruned_at)
        return;
    use->pruned_at = emptied;
    for (guint i = tree_high(fs->tree); i > 0; i--) {
        struct node *node = tree_at(fs->tree, i);
        if (!node || !is_asked(fs, node, now))
            continue;
        if (has_outlived(node, now)) {
            tree_set_survived(node, node->survived + 1);
            if (node->survived == NODE_IN_USE)
                count(fs, node, 0, 1);
        }
        node->asked = now;
        ids[n++] = node->id;
        if (n == PRUNE_BATCH) {
            prune(use, ids, n);
            n = 0;
        }
    }
    prune(use, ids, n);
}

/* --- without prune ------------------------------------------------------------------------- */

static gboolean is_used(const struct node_use *use, const struct node *node, gint64 now)
{
    if (watches_are_complete(use->watches))
        return watches_node(use->watches, node->id);
    return node->survived >= NODE_IN_USE || now - node->looked_up >= HELD_LONG;
}

static void tick_watches(struct node_use *use, gint64 now)
{
    struct fs *fs = use->fs;
    guint rounds = watches_rounds(use->watches);
    if (rounds == 0 || (rounds == use->round && watches_are_complete(use->watches)))
        return;
    use->round = rounds;
    for (guint i = tree_high(fs->tree); i > 0; i--) {
        struct node *node = tree_at(fs->tree, i);
        if (node && node->kind != NODE_ROOT)
            set_used(fs, node, is_used(use, node, now));
    }
}

void node_use_tick(struct node_use *use, gint64 now)
{
    if (use->cannot_prune)
        tick_watches(use, now);
    else
        tick_prune(use, now);
}

/* --- life ---------------------------------------------------------------------------------- */

struct node_use *node_use_new(struct fs *fs)
{
    struct node_use *use = g_new0(struct node_use, 1);
    use->fs = fs;
    use->cannot_prune = die_has_no_prune();
    use->pruned_at = G_MAXUINT64;
    use->watches = watches_new(fs->options->mountpoint);
    return use;
}

void node_use_begin(struct node_use *use)
{
    struct fs *fs = use->fs;
    for (guint i = tree_high(fs->tree); i > 0; i--) {
        const struct node *node = tree_at(fs->tree, i);
        if (node)
            count(fs, node, 1, node->survived >= NODE_IN_USE ? 1 : 0);
    }
}

void node_use_free(struct node_use *use)
{
    if (!use)
        return;
    watches_free(use->watches);
    g_free(use);
}

gboolean node_use_root(const struct node_use *use)
{
    return watches_root(use->watches);
}
