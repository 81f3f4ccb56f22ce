/* SPDX-License-Identifier: MIT
 *
 * The nodes that the kernel knows: id, what it is, how often it was looked up. A node exists from
 * its first look-up to its last FORGET and no longer; what the tree *could* show is the model's
 * business (group.h, service.h). A node is found again by kind, owner and name, not by its parent
 * node: the kernel may forget a directory while a file in it is still watched, and that file must
 * keep its id. No FUSE calls, no naming.
 */
#pragma once

#include "fs/layout.h"
#include "fs/slots.h"
#include "fs/state.h"

#include <glib.h>

#define TREE_ROOT 1 /* FUSE_ROOT_ID */

#define NODE_IN_USE 2 /* prunes that a node must outlive to count as in use */

struct node {
    guint64 id;
    enum node_kind kind;
    guint64 owner;                  /* group id or service id in the model; 0 = none */
    char *name;                     /* owned; as shown */
    const struct layout_file *file; /* the row, for kinds that are files of the table; static */
    guint64 nlookup;                /* how often the kernel got it; a FORGET takes it down */
    gint64 looked_up; /* monotonic us of the last look-up by a user; 0 = only by helpers */
    gint64 made;      /* monotonic us; 0 = by an earlier daemon */
    guint survived;   /* prunes in a row that it outlived (node_use.h) */
    gint64 asked;     /* monotonic us of the last prune that named it */
    gboolean linked;  /* still found under its name; FALSE once unlinked or removed */
    struct record *kept;
};

struct tree;

/* The nodes stand in `state` (borrowed; see kept.h), from which those of an earlier daemon are
 * taken over (but for `file`, which the caller knows). `gone` is called for each node right before
 * it is freed by the last FORGET. */
struct tree *tree_new(struct state *state,
                      void (*gone)(const struct node *node, gpointer user_data),
                      gpointer user_data);
void tree_free(struct tree *tree); /* the state keeps them */

/* Borrowed; NULL for an id that the kernel should not have any more. */
struct node *tree_get(const struct tree *tree, guint64 id);
/* NULL if the kernel does not hold such a node. */
struct node *tree_find(const struct tree *tree, enum node_kind kind, guint64 owner,
                       const char *name);

/* Finds or makes it. A new node has nlookup 0 and must be given out (tree_looked_up) or dropped
 * (tree_forget with 0). */
struct node *tree_obtain(struct tree *tree, enum node_kind kind, guint64 owner, const char *name,
                         const struct layout_file *file);
/* So many prunes in a row has it outlived. */
void tree_set_survived(struct node *node, guint survived);
/* One more reference by the kernel; before the reply that says so. */
void tree_looked_up(struct node *node, gboolean by_helper);
/* FORGET: takes n references away, frees the node at 0. Unknown ids are ignored. */
void tree_forget(struct tree *tree, guint64 id, guint64 n);
/* The name is gone (UNLINK, RMDIR): the same name will be another node. */
void tree_unlink(struct tree *tree, struct node *node);

/* Walking all nodes: indexes 1 to tree_high(). */
guint tree_high(const struct tree *tree);
struct node *tree_at(const struct tree *tree, guint index);
guint tree_count(const struct tree *tree);

/* Inode number for a path below the mount point: a hash, so the same path has the same number
 * whenever it is looked up. Never 0 or TREE_ROOT. */
guint64 tree_ino(const char *path);
