/* SPDX-License-Identifier: MIT
 *
 * Which of the nodes that the kernel holds somebody uses: watches, stands in, has open. A node that
 * was only looked up is named to the kernel in a FUSE_NOTIFY_PRUNE: it forgets exactly those that
 * nobody uses, and one that outlives two such prunes is in use. Kernels that cannot prune (before
 * 6.18) forget nothing by themselves, so there it is the watches of /proc that count (watches.h);
 * and where not all of them can be seen, whatever the kernel holds: better a poll too many than a
 * deaf watch. The counts `held` and `watched` of services, groups and directories of renderings are
 * kept here. No FUSE calls but session_prune.
 */
#pragma once

#include "fs/fs.h"

struct node;
struct node_use;

struct node_use *node_use_new(struct fs *fs);
/* Counts the nodes that an earlier daemon left, once the model is there. */
void node_use_begin(struct node_use *use);
void node_use_free(struct node_use *use);

/* A node got its first reference or its last one went; called for every kind of node. */
void node_use_added(struct fs *fs, const struct node *node);
void node_use_gone(struct fs *fs, const struct node *node);

/* Several times a second, at `now` (monotonic us). */
void node_use_tick(struct node_use *use, gint64 now);

/* The root is watched, which no prune can tell. */
gboolean node_use_root(const struct node_use *use);
