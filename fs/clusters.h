/* SPDX-License-Identifier: MIT
 *
 * The clusters/ directory of a service: one directory a cluster, with the read files for that
 * cluster alone. It is built of the service's view when somebody looks into it and forgotten when
 * the kernel holds none of its nodes any more. A cluster without instances stays, empty, as long as
 * the kernel holds one of its nodes: a watch must not die of it. No FUSE calls.
 */
#pragma once

#include "fs/cluster.h"
#include "fs/waiters.h"

struct slots;

struct clusters {
    struct service *service;
    struct slots *slots; /* struct cluster; NULL while nobody looks */
    guint held;          /* nodes in here that the kernel holds, clusters/ itself included */
    guint round;
    gint64 mtime_ns;         /* wall clock */
    guint parked;            /* users' operations that hold the directory's lock: the gate */
    struct waiters settled;  /* told when every name is announced */
    struct mirror_lane lane; /* clusters that come and go */
};

void clusters_init(struct clusters *clusters, struct service *service);
void clusters_clear(struct clusters *clusters);

/* Somebody looks: built of the view that is held, without an event. Idempotent. */
void clusters_use(struct clusters *clusters);
/* A cluster as an earlier daemon had it, with that id. The caller sets what was visible and told.
 * NULL if the id or the name is taken. */
struct cluster *clusters_restore(struct clusters *clusters, guint64 id, const char *name);
/* All of them are there, as is the service's view. */
void clusters_resume(struct clusters *clusters);
/* The service's view has changed; `silent`: no event, all at once (nobody can be watching). */
void clusters_update(struct clusters *clusters, gboolean silent);
/* Now and then: what is neither listed nor held goes. */
void clusters_tick(struct clusters *clusters);

struct cluster *clusters_find(const struct clusters *clusters, const char *shown);
gboolean clusters_are_settled(const struct clusters *clusters);
/* The kernel has made (removed) the directory by order. */
void clusters_set_visible(struct clusters *clusters, struct cluster *cluster, gboolean visible);
