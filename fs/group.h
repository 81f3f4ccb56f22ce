/* SPDX-License-Identifier: MIT
 *
 * The groups of the root directory and the listings of services in them. A service that a listing
 * lacks twice in a row is gone (2.x pages in hash order and can skip). No FUSE calls.
 */
#pragma once

#include "fs/fs.h"

#define LISTING_FRESH G_USEC_PER_SEC         /* what `ls` and an unknown name may see */
#define LISTING_WATCHED (5 * G_USEC_PER_SEC) /* how often a watched directory asks */

struct group {
    guint64 id;
    struct fs *fs;
    char *name;          /* owned; as the server says */
    char *shown;         /* owned; the directory's name */
    gboolean configured; /* DEFAULT_GROUP or group=: always there */
    gboolean known;      /* the server has services in it */
    guint missed;        /* listings in a row without a service, or of the root without it */
    gboolean pinned;     /* made by mkdir */
    gboolean visible;
    GHashTable *services; /* shown name -> struct service, borrowed from fs->services */
    struct listing listing;
    struct asks asks;        /* services that no listing told of */
    struct mirror_lane lane; /* services that come and go */
    struct waiters settled;  /* told when the lane has announced all */
    guint parked;            /* users' operations that hold the directory's lock: the gate */
    guint held, watched;     /* nodes, as in struct service */
    gint64 mtime_ns;
    struct record *kept;
};

/* Finds or makes the group; not visible yet. NULL for a name that cannot be shown. */
struct group *group_obtain(struct fs *fs, const char *name);
/* The group of that id and name, as an earlier daemon had it. NULL if the id is taken. */
struct group *group_restore(struct fs *fs, guint64 id, const char *name);
void group_free(gpointer group); /* for the slot table */
struct group *group_get(const struct fs *fs, guint64 id);
/* By directory name; NULL if the mount knows none. */
struct group *group_find(const struct fs *fs, const char *shown);
/* One of its services, by directory name, awake; NULL if there is none. */
struct service *group_service(const struct group *group, const char *shown);
gboolean group_wanted(const struct group *group);
void group_sync(struct group *group);
gboolean group_is_settled(const struct group *group);
/* It can go altogether. */
gboolean group_is_idle(const struct group *group);

/* A listing not older than `max_age` us. NULL if there is one: `fn` is not called. Otherwise asks
 * (or joins the request under way) and wakes with 0 or an errno. */
struct waiter *group_need_listing(struct group *group, gint64 max_age, wait_fn fn,
                                  gpointer user_data);

/* A service that no listing told of, for a look-up that came at `since` (monotonic us): a listing
 * asked for before that may be too old to know it, so its own instance list is asked for, which
 * proves it by its hosts. NULL if there is nothing to ask: the listing is younger, or a no is
 * fresh. Wakes with 0 or an errno. */
struct waiter *group_need_service(struct group *group, const char *shown, gint64 since, wait_fn fn,
                                  gpointer user_data);

/* Asks for the first listing if there was none yet: who begins to watch the directory now is to
 * hear of what comes later. Waits for nothing. */
void group_prime(struct group *group);

/* The root: lane and tables. */
void root_init(struct fs *fs);
/* DEFAULT_GROUP and the group= ones, after what is restored. */
void root_configure(struct fs *fs);
void root_clear(struct fs *fs);
/* As group_need_listing, for the groups of catalog/services. */
struct waiter *root_need_listing(struct fs *fs, gint64 max_age, wait_fn fn, gpointer user_data);
gboolean root_is_settled(const struct fs *fs);
/* Whether the server knows a group that no listing told of: wakes with 0 once group_find() has it,
 * with ENOENT, or with another errno. NULL and *error = ENOENT if that is known already (asked less
 * than LISTING_FRESH ago, or not a name). */
struct waiter *root_need_group(struct fs *fs, const char *shown, wait_fn fn, gpointer user_data,
                               int *error);
