/* SPDX-License-Identifier: MIT
 *
 * The files in a service's directory that are made of its list alone, and their announcement. No
 * FUSE calls.
 */
#pragma once

#include "fs/layout.h"
#include "fs/mirror.h"
#include "fs/version.h"

struct record;
struct service;

/* One of them. */
struct content_file {
    struct service *service;
    const struct layout_file *file;
    struct version version; /* without bytes until the first list */
    struct record *kept;
    struct mirror_lane lane;
};

/* All of a service's, before its first list; the service has its mtime and its `fs`. */
void contents_init(struct service *service);
/* The view is that of an earlier daemon: what that one has not announced is owed. */
void content_resume(struct content_file *content);
/* Renders the service's view; other bytes than before are a new version, to be announced or not. */
void content_update(struct content_file *content, gboolean announce);
