/* SPDX-License-Identifier: MIT
 *
 * The files in a service's directory that are made of its list alone, and their announcement. No
 * FUSE calls.
 */
#pragma once

#include "fs/layout.h"
#include "fs/mirror.h"

struct record;
struct service;

/* A content file: its bytes, and whether the world was told. */
struct content_file {
    struct service *service;
    const struct layout_file *file;
    GBytes *bytes;       /* NULL until the first list */
    gint64 mtime_ns;     /* wall clock, grows strictly */
    gboolean changed;    /* not announced yet */
    gint64 announced_at; /* monotonic us of the last announcement: at most 10 a second */
    gint64 telling_ns;   /* mtime_ns of the version whose announcement is in flight */
    gint64 told_ns;      /* of the last one that was announced, or that nobody could watch */
    struct record *kept;
    struct mirror_lane lane;
};

/* All of a service's, before its first list; the service has its mtime and its `fs`. */
void contents_init(struct service *service);
/* Renders the service's view; other bytes than before are a new version, to be announced or not. */
void content_update(struct content_file *content, gboolean announce);
