/* SPDX-License-Identifier: MIT
 *
 * The files of the tree as one table: a new file is one row and one function.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

struct fs;
struct service;
struct instance;
struct service_info;

enum node_kind {
    NODE_ROOT,
    NODE_DOT,      /* .nacos */
    NODE_DOT_FILE, /* a row with place LAYOUT_DOT */
    NODE_GROUP,
    NODE_SERVICE,
    NODE_SERVICE_FILE,  /* a row with place LAYOUT_SERVICE */
    NODE_HOSTS,         /* SERVICE/hosts */
    NODE_HOST,          /* SERVICE/hosts/ADDRESS */
    NODE_RENDER,        /* .nacos/render */
    NODE_FORMAT,        /* .nacos/render/FORMAT */
    NODE_RENDERED,      /* a file in it; owned by the service, called FORMAT in the tree */
    NODE_RENDERED_TEMP, /* what is about to be renamed over it; the same */
    NODE_CLUSTERS,      /* SERVICE/clusters; clusters.h has the names of these three */
    NODE_CLUSTER,       /* SERVICE/clusters/NAME */
    NODE_CLUSTER_FILE,  /* a row with in_cluster */
};

enum layout_place { LAYOUT_SERVICE, LAYOUT_DOT };

/* Files whose bytes are a function of a service's view, kept rendered and announced when they
 * change; the index of struct service's contents. */
enum content { CONTENT_INSTANCES, CONTENT_JSON, CONTENT_HEALTHY, CONTENT_COUNT, CONTENT_NONE = -1 };

/* What one written line does; see writer.h. */
enum line_action { LINE_NONE, LINE_REGISTER, LINE_DEREGISTER, LINE_LEASE };

struct layout_file {
    const char *name;
    enum layout_place place;
    gboolean listed;      /* FALSE: opens by name, in no listing */
    gboolean writable;    /* 0644, and 0664 with gid=; else nobody may write */
    enum content content; /* CONTENT_NONE for those drawn up at open */
    enum line_action line;
    gboolean in_cluster; /* in clusters/NAME/, too */
    gboolean stream;     /* reads wait for events (events.h) */
    /* Bytes of a content file; NULL otherwise. New reference. */
    GBytes *(*render)(const struct service_info *view);
    /* Bytes at open, drawn anew each time of the service's or a cluster's view. NULL and *error (an
     * errno) if there is nothing to give. New reference. */
    GBytes *(*draw)(const struct service_info *view, int *error);
    /* Bytes at open of a file that is none of these; `service` is NULL in .nacos. NULL and
     * *error (an errno) if there is nothing to give. New reference. */
    GBytes *(*open)(struct fs *fs, struct service *service, int *error);
    /* What a write as a whole does, for files that take no lines; an errno. NULL for others. */
    int (*put)(struct fs *fs, const char *text, gsize length);
    /* TRUE: open waits for the service's list. */
    gboolean needs_list;
};

/* All rows, `*n` of them; static. */
const struct layout_file *layout_files(guint *n);
/* The row of that name in that place, NULL if there is none; static. */
const struct layout_file *layout_find(enum layout_place place, const char *name);
/* The row of a content; static. */
const struct layout_file *layout_content(enum content content);

#define LAYOUT_HOSTS "hosts"
#define LAYOUT_CLUSTERS "clusters"
#define LAYOUT_DOT_NAME ".nacos"
#define LAYOUT_RENDER "render"
