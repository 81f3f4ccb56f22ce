/* SPDX-License-Identifier: MIT
 *
 * One service that is kept fresh: its newest list, the request under way, who waits for it, and
 * which answers may replace it.
 */
#pragma once

#include "naming/disk_cache.h"
#include "naming/empty_protection.h"
#include "naming/failover_reactor.h"
#include "naming/list_wait.h"
#include "naming/naming_proxy.h"
#include "naming/patience.h"
#include "naming/poll_queue.h"
#include "naming/result_copy.h"
#include "naming/trouble.h"
#include "naming/update_task.h"

struct subscription;

/* Every answer about a subscribed service that was accepted, also one that changed nothing.
 * `asked`: monotonic us; nothing that happened on a server before is missing in it. */
typedef void (*subscription_heard_fn)(const struct service_info *info, gint64 asked,
                                      gpointer user_data);

/* Shared by all subscriptions of a reactor. */
struct subscription_env {
    struct naming_proxy *proxy;  /* borrowed */
    struct timers *timers;       /* borrowed */
    const char *clusters;        /* as sent with every list, "" = all */
    guint16 udp_port;            /* of pushes; 0 = none */
    subscription_heard_fn heard; /* comes before `changed`; NULL = nobody listens */
    naming_changed_fn changed;
    gpointer user_data; /* of both */
    struct trouble trouble;
    struct disk_cache *disk;           /* borrowed; NULL = none */
    struct failover_reactor *failover; /* borrowed; NULL = none */
    struct patience *patience;         /* borrowed; NULL if there is no disk cache */
    gboolean load_at_start;            /* serve what is on the disk before a server is asked */
    gboolean empty_protection;
    struct poll_queue queue;
    struct list_waits waits;
    guint64 polls;       /* list requests sent */
    gint64 server_clock; /* ms since epoch, as a server last said; 0 = not yet */
    gint64 server_at;    /* us; our monotonic time then */
    /* Nobody wants it and nobody waits for it any more: the owner frees it. */
    void (*idle)(struct subscription *subscription, gpointer owner);
    gpointer owner;
};

struct subscription {
    struct subscription_env *env;
    struct service_key *key;
    gboolean wanted;           /* subscribed; else it lives for those that wait */
    struct service_info *info; /* newest list, NULL = none yet; stays the same while hosts do */
    gint64 ref_time;           /* ms by the server's clock, of the newest answer; 0 = unknown */
    guint64 version;           /* answers accepted */
    const char *source;        /* of the newest: "server", "push", "disk", "failover" */
    gint64 confirmed;          /* us; when it came, or its file was written */
    gboolean stale;            /* the last request failed, or none was answered yet */
    struct empty_protection protection;

    struct service_info *failover;          /* served instead of `info`; NULL = none */
    gint64 failover_written;                /* us; when its file was */
    gboolean tried;                         /* the disk cache was looked at */
    struct disk_list_job *loading;          /* from the disk cache; NULL = not */
    struct disk_list_job *loading_failover; /* NULL = not */
    struct result_copy failed;              /* for those that wait, should nothing be on the disk */
    struct timer files;                     /* when to look at the files */

    struct naming_call *request; /* list request in flight */
    guint64 asked_version;       /* `version` when it was sent */
    gint64 sent;                 /* us; when the last one was sent; 0 = never */
    gboolean again;              /* a reason to ask came up while it was in flight */
    GQueue waiting;              /* struct list_wait */
    struct poll_entry entry;
    struct update_task task;
    struct timer poll;    /* the next round of UpdateTask */
    struct timer refresh; /* the next refresh */
};

/* What the shared queue and the shared list of waiting calls call back: see poll_queue.start and
 * list_waits.left. */
void subscription_start(struct poll_entry *entry);
void subscription_left(gpointer subscription);

struct subscription *subscription_new(struct subscription_env *env, const struct service_key *key);
void subscription_free(struct subscription *subscription); /* drops those that wait */

void subscription_want(struct subscription *subscription);
/* As naming_hold. */
void subscription_hold(struct subscription *subscription, struct service_info *info,
                       gint64 confirmed);
void subscription_unwant(struct subscription *subscription); /* may end it (env->idle) */
struct naming_call *subscription_wait(struct subscription *subscription, naming_list_fn done,
                                      gpointer user_data);
/* A list soon: many such requests are one, five a second at most. */
void subscription_refresh(struct subscription *subscription);

/* The list that is served, borrowed; NULL if there is none yet. */
struct service_info *subscription_served(const struct subscription *subscription);
/* Answers those that wait by what is served, with `result`. */
void subscription_answer(struct subscription *subscription, const struct naming_result *result);

/* --- subscription_files.c: what files have to say ----------------------------------------------
 */

/* Looks at them when it is time: at once if the switch of the failover is on or load_at_start asks
 * for it, else when no server has answered for a while. */
void subscription_plan_files(struct subscription *subscription);
/* The failover was switched, or its files changed. */
void subscription_switched(struct subscription *subscription);
/* A request failed with `result` and there is no list: TRUE if one may be on the disk; then those
 * that wait are answered, maybe before this returns, and the subscription may have ended. */
gboolean subscription_fall_back(struct subscription *subscription,
                                const struct naming_result *result);
void subscription_drop_files(struct subscription *subscription);
/* The timer's function. */
void subscription_on_files(gpointer subscription);

/* Whether a push may be taken. */
enum push_verdict {
    PUSH_ACCEPTED,
    PUSH_UNKNOWN,  /* not subscribed */
    PUSH_CLUSTERS, /* for other clusters than subscribed */
    PUSH_OLD,      /* older than what is held */
    PUSH_FUTURE,   /* more than five minutes ahead of the server's own clock */
};
enum push_verdict subscription_push(struct subscription *subscription, struct service_info *info);
