/* SPDX-License-Identifier: MIT
 *
 * One cluster of a service: its part of the service's view, its files, and whether the world was
 * told. No FUSE calls.
 *
 * Nodes belong to the service and are called "clusters", "clusters/NAME" and "clusters/NAME/FILE".
 */
#pragma once

#include "fs/layout.h"
#include "fs/mirror.h"
#include "fs/version.h"
#include "naming/naming.h"

struct node;
struct record;
struct service;

struct cluster {
    guint64 id; /* in clusters.slots; its index is the readdir offset */
    struct service *service;
    char *name;                /* owned; as the server says */
    char *shown;               /* owned; the directory's name */
    struct service_info *view; /* of the service's; never NULL */
    struct version files[CONTENT_COUNT];
    gboolean visible; /* LOOKUP and READDIR show it */
    guint round;      /* of the last update that listed it */
    struct mirror_lane lane;
    struct record *kept;
};

/* `name` as the server says it, `shown` as a file name; both copied. */
struct cluster *cluster_new(struct service *service, const char *name, const char *shown);
void cluster_free(gpointer cluster); /* for the slot table */
/* The service's view has changed; `silent`: nobody can be watching. */
void cluster_update(struct cluster *cluster, gboolean silent);
/* It is that of an earlier daemon: what that one has not announced is owed. */
void cluster_resume(struct cluster *cluster);
/* The kernel holds a node of it. */
gboolean cluster_is_held(const struct cluster *cluster);

/* The cluster that a node belongs to; NULL for nodes of other kinds, and when it is gone. */
struct cluster *cluster_of(struct service *service, const struct node *node);
/* The lane that announces this file. */
const struct mirror_lane *cluster_lane(struct service *service, const struct node *node);
/* The content file of a node; NULL for those drawn up at open. */
const struct version *cluster_file(struct service *service, const struct node *node);
/* Bytes for an open of a file. NULL and an errno if there is nothing to give. New reference. */
GBytes *cluster_open(struct service *service, const struct node *node, int *error);
