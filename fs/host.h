/* SPDX-License-Identifier: MIT
 *
 * The entries of a hosts/ directory: what should be there (wanted) and what LOOKUP and READDIR show
 * (visible). A lane reconciles the two, one announced call at a time: an entry becomes visible by
 * the very MKNOD that raises its CREATE and goes by the UNLINK that raises its DELETE. No FUSE
 * calls.
 */
#pragma once

#include "fs/mirror.h"
#include "fs/version.h"
#include "fs/waiters.h"
#include "naming/naming.h"

struct record;
struct service;
struct slots;

struct host {
    guint64 id;             /* in hosts.slots; its index is the readdir offset */
    char *name;             /* owned; file name */
    struct instance record; /* what is shown; owned members */
    struct version version; /* what reading it gives; MODIFY tells of it */
    gboolean wanted;
    gboolean visible;
    gboolean created; /* by a user's CREATE, nothing registered yet */
    gboolean queued;
    guint round; /* of the last hosts_update that wanted it */
    struct record *kept;
};

struct hosts {
    struct service *service;
    GHashTable *by_name; /* name -> struct host, borrowed from slots */
    struct slots *slots;
    GQueue owed; /* struct host with something to announce */
    struct mirror_lane lane;
    struct waiters settled; /* told when nothing is owed any more */
    guint parked; /* users' operations that hold the directory or a file in it: the gate */
    guint round;
    gint64 mtime_ns;
};

void hosts_init(struct hosts *hosts, struct service *service);
void hosts_clear(struct hosts *hosts);

/* Brings the wanted entries in line with the view and our own registrations. `silent`: no event,
 * all at once (nobody can be watching). */
void hosts_update(struct hosts *hosts, gboolean silent);
/* An entry as an earlier daemon had it, with that id (its index is the readdir offset). The caller
 * sets what it wants and what is visible. NULL if the id or the name is taken. */
struct host *hosts_restore(struct hosts *hosts, guint64 id, const char *name);
/* One that a user's CREATE made and that no list shows yet: what it is follows from its name. FALSE
 * if that is no address. */
gboolean hosts_restore_created(struct host *host);
/* NULL if there is no such entry at all. */
struct host *hosts_find(const struct hosts *hosts, const char *name);
/* A user's CREATE: visible at once, the kernel raises the event itself. `record` is copied. */
struct host *hosts_create(struct hosts *hosts, const char *name, const struct instance *record);
/* The kernel has made (unlinked) the name, by order or by a user: no event is owed for that. */
void hosts_set_visible(struct hosts *hosts, struct host *host, gboolean visible);
/* A created entry's descriptor is closed and nothing came of it. */
void hosts_abandon(struct hosts *hosts, struct host *host);
/* Nothing to announce: visible is what is wanted. */
gboolean hosts_are_settled(const struct hosts *hosts);
