/* SPDX-License-Identifier: MIT
 *
 * One service as the mount shows it: the newest list, what is served of it (the view), the rendered
 * files, the directory's life. Every change of the view is swapped in first and announced
 * afterwards. No FUSE calls.
 */
#pragma once

#include "fs/clusters.h"
#include "fs/content_file.h"
#include "fs/fs.h"
#include "fs/group.h"
#include "fs/host.h"
#include "fs/layout.h"
#include "fs/overlay.h"
#include "fs/rendered.h"

struct service {
    guint64 id;
    struct fs *fs;
    struct group *group;
    struct service_key key; /* owned strings */
    char *shown;            /* owned; the directory's name */
    char *path;             /* owned; "GROUP/SERVICE" as shown */

    gboolean known;   /* the server has it, as far as the last two listings say */
    guint missed;     /* complete listings in a row that lacked it */
    gboolean pinned;  /* made by mkdir */
    gboolean hidden;  /* rmdir of an empty one that the server still lists */
    gboolean visible; /* LOOKUP and READDIR of the group show it */
    gboolean asleep;  /* its lists stand in the state, as an earlier daemon left them, and what has
                         changed and is owed since is not known: service_wake */
    guint asleep_hosts; /* while there is no view: instances in what an earlier daemon served */

    struct service_info *list; /* as the server said; NULL = not held */
    struct service_info *view; /* list with the overlay: what is served; NULL = not held */
    gint64 list_until;         /* monotonic us until when an unsubscribed list counts; G_MAXINT64
                                  while subscribed */
    struct overlay overlay;
    guint overlay_timer; /* source id; 0 = none */
    struct content_file contents[CONTENT_COUNT];
    struct hosts hosts;
    struct renderings renderings;
    struct clusters clusters;
    GPtrArray *registrations; /* struct registered, borrowed from fs->registrations */
    gint64 mtime_ns;
    guint64 version; /* of the view: how often it changed */
    struct record *kept, *kept_view, *kept_list;
    GPtrArray *kept_overlay; /* struct record */

    struct waiters waiters;        /* for a list */
    struct waiters event_waiters;  /* READs of `events` */
    guint streams;                 /* open `events` files */
    GQueue pollers;                /* struct poller: of its open files */
    struct naming_call *wait_call; /* for the subscribed list; NULL = none */
    struct naming_call *list_call; /* for a list without subscribing; NULL = none */

    gboolean subscribed;
    guint handles; /* open descriptors of its files */
    gint64 opened; /* monotonic us of the last open; 0 = never */
    guint held;    /* nodes that the kernel holds */
    guint watched; /* of these, those that outlived a prune */
    guint parked;  /* requests that wait and refer to it */
};

/* New, in its group, not visible yet. Borrowed from fs->services. */
struct service *service_new(struct group *group, const char *name);
/* The service of that id and name, as an earlier daemon had it. NULL if the id is taken. */
struct service *service_restore(struct group *group, guint64 id, const char *name);
void service_free(gpointer service); /* for the slot table */
/* Borrowed, awake; NULL for a dead id. */
struct service *service_get(const struct fs *fs, guint64 id);
/* Goes on from where an earlier daemon was, unless that is done. Those who find a service other
 * than by the calls above, and look at more than its directory's life, have to call it. */
void service_wake(struct service *service);
/* Borrowed, awake; NULL if the mount has none of that key. */
struct service *service_of_key(const struct fs *fs, const struct service_key *key);

/* The server or this mount has it, whoever looks at it or not. */
gboolean service_exists(const struct service *service);
/* Whether the directory is to be shown: what is looked at does not vanish. */
gboolean service_wanted(const struct service *service);
/* The MKDIR that makes it visible is still to come: a helper finds nothing in it yet. */
gboolean service_is_coming(const struct service *service);
#define SERVICE_COMING_GAP (100 * 1000) /* us until that is looked at again */
/* Brings `visible` in line, announced if somebody could be watching the group. */
void service_sync(struct service *service);
/* It can go altogether: nobody sees it, holds it or waits for it. */
gboolean service_is_idle(const struct service *service);

/* Waits for a list, asking for one if it must. NULL if there is one already: `fn` is not called.
 * With `subscribe` the service has to be subscribed (interest_opened) and what counts is a list
 * that is kept fresh; otherwise a list not older than its cacheMillis does. A failed request wakes
 * with an errno that stands in `.nacos/errors`; a view held from before may still be there then. */
struct waiter *service_need_list(struct service *service, gboolean subscribe, wait_fn fn,
                                 gpointer user_data);

/* A list arrived from the client, for `until` (as list_until). */
void service_take_list(struct service *service, struct service_info *info, gint64 until);
/* Forgets the list and all that was made of it: nobody cares any more. */
void service_drop_list(struct service *service);
/* The server accepted what was written of an instance, or with `gone` its end: shown at once. */
void service_note_change(struct service *service, const struct instance *instance, gboolean gone);
/* What an earlier daemon served (borrowed): the next service_update goes on from there. */
void service_restore_view(struct service *service, struct service_info *view);
/* Rebuilds the view, renders, marks what changed. */
void service_update(struct service *service);

/* Whether somebody may have watched that file or directory before the first list: the kernel held
 * it, and not only because of the look-up that is answered right now. */
gboolean service_was_held(const struct service *service, enum node_kind kind, const char *name);
