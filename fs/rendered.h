/* SPDX-License-Identifier: MIT
 *
 * One service in the formats of .nacos/render/: what its files hold, and whether the world was
 * told. A file is rendered when somebody asks for it and kept, and announced when its bytes change,
 * as long as the service's list is held. No FUSE calls.
 */
#pragma once

#include "fs/mirror.h"
#include "fs/render_format.h"
#include "fs/version.h"

struct node;
struct service;

/* One file. */
struct rendered {
    struct service *service;
    guint format;           /* index of the row */
    struct version version; /* without bytes until the first list */
    gboolean read;          /* somebody opened it: a watch on its directory keeps the interest */
    gboolean moved;         /* MOVED_TO is owed, and the version is not told before that */
    struct record *kept;
    struct mirror_lane lane;
};

/* Embedded in struct service. */
struct renderings {
    char *stem;      /* owned; file name without ending, "GROUP@@SERVICE" as a file name */
    guint visible;   /* bit per format: LOOKUP and READDIR of its directory show the file */
    gint64 mtime_ns; /* of files that are not held */
    struct rendered *files[RENDER_FORMATS]; /* NULL = not held */
};

void renderings_init(struct service *service);
void renderings_clear(struct service *service);

/* The service's view was exchanged, `old` (NULL = the first) is what it was: renders what may be
 * watched or was asked for, marks what changed. */
void renderings_update(struct service *service, const struct service_info *old);
/* The view is that of an earlier daemon: what that one has not announced is owed. */
void renderings_restore_view(struct service *service);
/* While no list is held: lets go of the files that the kernel holds no node of. */
void renderings_forget(struct service *service);
/* Brings `visible` in line with whether the service exists; announced where somebody may watch. */
void renderings_sync(struct service *service);
/* A watch on a directory keeps the service fresh: the file in it was read. */
gboolean renderings_are_followed(const struct service *service);

/* File name in the directory of the format. New string. */
char *rendered_name(const struct service *service, guint format);
/* To be shown: the service exists, or the kernel holds the file. */
gboolean rendered_wanted(const struct service *service, guint format);
gboolean rendered_visible(const struct service *service, guint format);
/* The kernel has made (unlinked) the name by order. */
void rendered_set_visible(struct service *service, guint format, gboolean visible);

/* The file of an earlier daemon, without bytes yet. NULL if there is no such format, or it is there
 * already. Borrowed. */
struct rendered *rendered_restore(struct service *service, guint64 format);
/* The file as it is now, rendered if it must be; NULL while no list is held. Borrowed. */
const struct rendered *rendered_get(struct service *service, guint format);
/* The same for one who reads it: his interest counts from now on. NULL while no list is held. New
 * reference. */
GBytes *rendered_open(struct service *service, guint format);
/* Wall clock ns of the last change, as far as it is known. */
gint64 rendered_mtime(const struct service *service, guint format);
/* The temporary that stands ready to be renamed over it; NULL if there is none. Borrowed. */
struct node *rendered_temporary(const struct rendered *rendered);
/* Its lane, NULL if the file is not held. */
const struct mirror_lane *rendered_lane(const struct service *service, guint format);
