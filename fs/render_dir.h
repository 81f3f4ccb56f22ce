/* SPDX-License-Identifier: MIT
 *
 * .nacos/render/ and its directories, one a format: a file in each for every service of every
 * group, which come and go with their announcements. What is in the files is rendered.h. No FUSE
 * calls.
 */
#pragma once

#include "fs/fs.h"
#include "fs/names.h"
#include "fs/render_format.h"

struct service;

#define RENDER_STEM_MAX (NAMES_MAX - 5) /* room for the longest ending */

struct record;

struct format_directory {
    struct fs *fs;
    guint format;            /* index of the row */
    guint held, watched;     /* nodes of the directory itself, as in struct group */
    guint parked;            /* users' operations that hold the directory's lock: the gate */
    struct mirror_lane lane; /* files that come and go */
    gint64 mtime_ns;         /* wall clock */
    struct record *kept;
};

void render_init(struct fs *fs);
/* After the services are gone. */
void render_clear(struct fs *fs);

/* 0 <= format < RENDER_FORMATS. */
struct format_directory *render_directory(const struct fs *fs, guint format);
gboolean render_is_watched(const struct fs *fs);
/* Whether what comes or goes in that directory is announced: somebody may watch it, and it is not
 * the first time that its names are learned. */
gboolean render_is_announced(const struct fs *fs, guint format);

/* A service with the stem of its files; render_remove before the stem goes. */
void render_add(struct service *service);
void render_remove(struct service *service);
/* The service that a file name belongs to, shown or not; NULL if none is known. Borrowed,
 * awake. */
struct service *render_find(const struct fs *fs, guint format, const char *name);
/* What it would be called: group and service as raw names (new strings). FALSE for what is no
 * service's file name in that directory; *group NULL for a name that only a listing can tell. */
gboolean render_parse(guint format, const char *name, char **group, char **service);
/* Path of a service's file below the mount point. New string. */
char *render_path(const struct service *service, guint format);

/* The listings of all groups, none older than `max_age` us; otherwise as group_need_listing. Wakes
 * with 0 if at least one group is known. */
struct waiter *render_need_listings(struct fs *fs, gint64 max_age, wait_fn fn, gpointer user_data);
/* An earlier daemon's listings are there, if it had any: they count. */
void render_begin(struct fs *fs);
/* Begins the first listings: who begins to watch now is to hear of what comes later. */
void render_prime(struct fs *fs);
