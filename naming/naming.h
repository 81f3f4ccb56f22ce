/* SPDX-License-Identifier: MIT
 *
 * NamingService: the client of a Nacos naming registry
 * (com.alibaba.nacos.api.naming.NamingService), and the only header of naming/ that anything
 * outside it may include.
 *
 * Everything here runs on the thread of config.context and nothing blocks. A call that asks a
 * server takes (done, user_data): `done` is called exactly once, never before the call returned, at
 * the latest config.timeout_ms later, and not at all if the call was cancelled. Times without a
 * remark are CLOCK_MONOTONIC (g_get_monotonic_time), so jumps of the wall clock change nothing.
 */
#pragma once

#include "naming/instance.h"
#include "naming/instances_diff.h"
#include "naming/service_info.h"

#include <glib.h>

/* How a request ended. fs/error.c turns these into errno, in one place. */
enum naming_status {
    NAMING_OK = 0,
    NAMING_INVALID,     /* 400: the server refuses the request as it is */
    NAMING_DENIED,      /* 401, 403 */
    NAMING_NOT_FOUND,   /* 404 */
    NAMING_REMOTE,      /* any other 4xx/5xx, and replies that make no sense */
    NAMING_UNREACHABLE, /* no server could be talked to: refused, reset, no address */
    NAMING_TIMEOUT,     /* the deadline passed */
    NAMING_LOCAL,       /* no server's fault: a file of the disk cache or the failover */
};

/* Valid during the callback only. */
struct naming_result {
    enum naming_status status;
    const char *server; /* borrowed; "HOST:PORT" of the server asked last; "" if none was */
    const char *text;   /* borrowed; the server's words or curl's, one line; "" on success */
};

/* Who we are towards the servers. Any string may be NULL. Owned by whoever filled it in. */
struct naming_credentials {
    char *username, *password;     /* log in for an access token; both or none */
    char *access_key, *secret_key; /* AK/SK: sign each request; both or none */
};
/* Overwrites the secrets before it frees them; leaves zeroes. */
void naming_credentials_clear(struct naming_credentials *credentials);
void naming_credentials_copy(struct naming_credentials *to, const struct naming_credentials *from);

/* Of https, files in PEM; NULL = the system's authorities, no certificate of our own. */
struct naming_tls {
    const char *cafile; /* the only authorities to trust */
    const char *cert;   /* our own certificate */
    const char *key;    /* its key, if that is not in the same file */
    gboolean insecure;  /* any certificate will do */
};

struct naming_config {
    const char *const
        *servers;             /* NULL-terminated base URLs with context path, as naming_parse_source
                                 makes them: "http://10.0.0.1:8848/nacos"; copied */
    const char *namespace_id; /* "public" for the default one; copied */
    const char *clusters;     /* comma list sent with every list, "" = all; copied */
    guint timeout_ms;         /* one call over all servers */
    guint connect_timeout_ms;
    guint retries;        /* further attempts after the first, within timeout_ms */
    gboolean push_udp;    /* subscribe to UDP pushes */
    guint16 udp_port;     /* 0 = any; one that cannot be had is a trouble, told once, and no more */
    gsize max_response;   /* bytes of a decoded reply body; more is NAMING_REMOTE */
    const char *own_ip;   /* address to give as ours, NULL = the route towards a server; copied */
    const char *endpoint; /* address server, URL or HOST[:PORT], asked every 30 s for the servers to
                             use instead of `servers`; NULL = none; copied */
    const struct naming_credentials *credentials; /* NULL = none; copied */
    struct naming_tls tls;                        /* copied */

    const char *cache_dir; /* lists on the disk, as the Java client has them; NULL = none; copied */
    gboolean load_cache_at_start; /* serve what is there before a server is asked; otherwise when a
                                     first request fails, or none has been answered for half a
                                     second since the client began */
    const char *failover_dir;     /* NULL = "failover" in cache_dir, if there is one; copied */
    gboolean empty_protection; /* a list with nobody to call does not replace one with somebody */
};

struct naming;      /* the client */
struct naming_call; /* one request under way */

/* InstancesChangeEvent. `old` is NULL for the first list of a subscribed service (even an empty
 * one); otherwise the two differ in instances_diff. Both are borrowed, take a reference to keep
 * one. */
typedef void (*naming_changed_fn)(const struct service_key *key, struct service_info *old,
                                  struct service_info *info, gpointer user_data);

/* Something worth a line in the log or in .nacos/errors happened outside any call: a beat that
 * failed, a push refused, a poll that failed. `path` is "GROUP/SERVICE" or "". */
typedef void (*naming_trouble_fn)(const char *path, const struct naming_result *result,
                                  gpointer user_data);

/* A list or push of a subscribed service showed a kept instance with another weight or metadata
 * than were registered: somebody changed them on the server. `instance` (borrowed) is the whole
 * record as it is kept, beaten and registered again from now on (updateBeatInfo of the Java
 * client's HostReactor). Comes before `changed` of the same list. A naming_register wins over it:
 * what the servers had listed before that is not adopted again. May call anything but
 * naming_unsubscribe and naming_free. */
typedef void (*naming_adopted_fn)(const struct service_key *key, const struct instance *instance,
                                  gpointer user_data);

/* A beat of a kept instance was answered. May call anything but naming_free. */
typedef void (*naming_beaten_fn)(const struct service_key *key, const struct instance *instance,
                                 gpointer user_data);

/* Any of them may be NULL. */
struct naming_listener {
    naming_changed_fn changed;
    naming_trouble_fn trouble;
    naming_adopted_fn adopted;
    naming_beaten_fn beaten;
};

typedef void (*naming_done_fn)(const struct naming_result *result, gpointer user_data);
/* `info`: borrowed, NULL unless NAMING_OK or, with what kept the servers from answering, from the
 * disk cache. */
typedef void (*naming_list_fn)(const struct naming_result *result, struct service_info *info,
                               gpointer user_data);
/* `names`: borrowed, NULL-terminated, sorted bytewise, unique; NULL unless NAMING_OK or, with what
 * kept the servers from ever answering this question, those of the disk cache: more may exist. */
typedef void (*naming_names_fn)(const struct naming_result *result, const char *const *names,
                                gpointer user_data);
/* `count`: how many services the group has; 0 unless NAMING_OK or, with what kept the servers from
 * answering, how many the disk cache has. */
typedef void (*naming_count_fn)(const struct naming_result *result, guint count,
                                gpointer user_data);

/* Splits "HOST[:PORT][,...]" or "http(s)://HOST[:PORT]/PATH[,...]" into base URLs. Port 8848 by
 * default (443 for https), context path /nacos. New NULL-terminated array, or NULL and a reason in
 * *why (new string). */
char **naming_parse_source(const char *source, char **why);

/* Never waits for a server. `listener` is copied. NULL and a reason in *why if the configuration
 * makes no sense or the UDP socket cannot be bound to the port asked for. Context: the default one
 * of the calling thread. */
struct naming *naming_new(const struct naming_config *config,
                          const struct naming_listener *listener, gpointer user_data, char **why);

/* Ends everything at once: calls under way are dropped without `done`, beats stop, nothing is
 * deregistered. */
void naming_free(struct naming *naming);

/* Asks the endpoint at once, logs in anew with `credentials` (NULL = with the same), and probes bad
 * servers; nothing else changes. */
void naming_reload(struct naming *naming, const struct naming_credentials *credentials);

/* Drops a call: `done` will not be called. What the server may have done stays done; the owner of a
 * cancelled register deregisters if it must (naming_deregister waits for the request in flight). */
void naming_call_cancel(struct naming_call *call);

/* --- our own instances (BeatReactor) ---------------------------------------------------------- */

/* POST /instance; on success an ephemeral instance is beaten from then on and registered again
 * whenever the server answers RESOURCE_NOT_FOUND (20404). The same address and cluster again
 * replaces the record. On failure nothing is kept and no beat runs (an earlier registration of the
 * same address stays as it was). */
struct naming_call *naming_register(struct naming *naming, const struct service_key *key,
                                    const struct instance *instance, naming_done_fn done,
                                    gpointer user_data);

/* Stops the beat, waits for one in flight, then DELETE /instance. Works for any instance, kept by
 * us or not; `like` needs ip, port, cluster_name and ephemeral. On failure of the DELETE the beat
 * stays stopped: the server will forget the instance. */
struct naming_call *naming_deregister(struct naming *naming, const struct service_key *key,
                                      const struct instance *like, naming_done_fn done,
                                      gpointer user_data);

/* PUT /instance (NamingMaintainService.updateInstance): changes weight, enabled and metadata of an
 * instance that somebody else registered; nothing is kept or beaten. `instance` is the whole new
 * record, not a difference. One that this client keeps is changed by naming_register instead: 2.x
 * takes a PUT for an operator's override, which no later register undoes. The caller makes sure
 * that the instance is listed, since 1.4 registers an unknown one in its place (2.x says ok and
 * does nothing). `done` comes once the server has answered. */
struct naming_call *naming_update(struct naming *naming, const struct service_key *key,
                                  const struct instance *instance, naming_done_fn done,
                                  gpointer user_data);

/* Beats an instance that the server should know already, without asking it first (a daemon that
 * takes over from a dead one). The first beat goes out at `due` (monotonic us), or at once if that
 * is past. */
void naming_adopt(struct naming *naming, const struct service_key *key,
                  const struct instance *instance, gint64 due);

/* What is known of one kept instance; for `.nacos/registered`. */
struct naming_beat_state {
    gint64 period_ms;     /* between beats, as the server last said; 0 for a persistent instance */
    gint64 last_beat;     /* monotonic us of the last beat that was answered; 0 = none yet */
    guint64 beats;        /* answered */
    guint64 failures;     /* not answered or refused */
    guint64 reregistered; /* times the server had lost it */
};
/* FALSE if `like` is not kept. */
gboolean naming_beat_state(struct naming *naming, const struct service_key *key,
                           const struct instance *like, struct naming_beat_state *state);

/* Our address as the first server that is not known bad would see it (a connected UDP socket's
 * name), or config.own_ip. New string, NULL if there is no route. Blocks for nothing: only numeric
 * server addresses and those resolved by an earlier request are looked at. */
char *naming_own_ip(struct naming *naming);

/* --- other people's instances (HostReactor) -----------------------------------------------------
 */

/* Keeps the service fresh from now on: one list at once, then UpdateTask and pushes. Idempotent. */
void naming_subscribe(struct naming *naming, const struct service_key *key);
/* Stops that and forgets the list. Idempotent. A naming_wait under way still ends normally. */
void naming_unsubscribe(struct naming *naming, const struct service_key *key);

/* What an earlier client held of a service that was just subscribed (borrowed), and when that was
 * confirmed (as in naming_freshness): it is stale until a server answers, `changed` tells how the
 * answer differs, and empty_protection holds for it. Does nothing if a list is held. */
void naming_hold(struct naming *naming, const struct service_key *key, struct service_info *info,
                 gint64 confirmed);

/* Newest list of a subscribed service, borrowed; NULL if there is none yet. */
struct service_info *naming_current(struct naming *naming, const struct service_key *key);

/* Calls `done` with the list of a subscribed service: at once (from an idle callback) if one is
 * held, else with the end of the fetch under way or of a new one. Many waiters share one request.
 */
struct naming_call *naming_wait(struct naming *naming, const struct service_key *key,
                                naming_list_fn done, gpointer user_data);

/* Asks for the list of a subscribed service soon (within 200 ms, many such requests are one):
 * somebody has a reason to think that it changed. */
void naming_refresh(struct naming *naming, const struct service_key *key);

/* getAllInstances(subscribe = false): one list request straight to a server, nothing is kept. */
struct naming_call *naming_list(struct naming *naming, const struct service_key *key,
                                naming_list_fn done, gpointer user_data);

/* How fresh a subscribed service's list is; FALSE if it is not held. */
struct naming_freshness {
    const char *source;    /* "server", "push", "disk" or "failover"; static */
    gint64 confirmed;      /* monotonic us of the last reply or push that was accepted, or when the
                              file was written: may be negative */
    gboolean stale;        /* the last poll failed, none was answered yet, or held_back */
    gboolean held_back;    /* empty_protection keeps the servers' newest list back */
    guint held_back_hosts; /* how many instances that has */
};
gboolean naming_freshness(struct naming *naming, const struct service_key *key,
                          struct naming_freshness *freshness);

/* --- files --------------------------------------------------------------------------------------
 */

/* Whether the failover's switch is on. */
gboolean naming_failover(struct naming *naming);
/* Writes the switch and acts upon it at once. Waits for the disk. 0 or an errno: that of the write,
 * ENOENT if there is no failover directory. */
int naming_set_failover(struct naming *naming, gboolean on);

/* A file of the caller's in cache_dir/.nacosfs, written as a whole within a second or two, or by
 * naming_free. Does nothing without a cache_dir. `content`: new reference, owned by the callee. */
void naming_keep_file(struct naming *naming, const char *name, GBytes *content);

/* --- names ------------------------------------------------------------------------------------ */

/* getServicesOfServer, complete: all pages of service/list of one group, however many. */
struct naming_call *naming_services(struct naming *naming, const char *group, naming_names_fn done,
                                    gpointer user_data);
/* Only the count of service/list: does the server know this group at all? */
struct naming_call *naming_group_count(struct naming *naming, const char *group,
                                       naming_count_fn done, gpointer user_data);
/* The groups of catalog/services, all pages. Servers that do not answer it (3.x) give
 * NAMING_NOT_FOUND or NAMING_REMOTE. */
struct naming_call *naming_groups(struct naming *naming, naming_names_fn done, gpointer user_data);

/* --- for people ---------------------------------------------------------------------------------
 */

struct naming_server_state {
    const char *url;  /* borrowed; "http://10.0.0.1:8848/nacos" */
    gboolean bad;     /* the last request to it failed; it is asked last */
    gboolean current; /* asked first at the moment */
    guint64 requests;
    guint64 failures;
    gint64 last_ok;         /* monotonic us; 0 = never */
    gint64 last_failure;    /* monotonic us; 0 = never */
    gint64 latency_us;      /* of the last answer; -1 = none yet */
    const char *last_error; /* borrowed; "" = none */
};
/* Fills at most `room` records in the order of the configuration; returns how many servers exist.
 */
guint naming_servers(struct naming *naming, struct naming_server_state *states, guint room);

/* Attempts by server and kind of call, since the start. */
enum naming_call_kind {
    NAMING_CALL_REGISTER,
    NAMING_CALL_DEREGISTER,
    NAMING_CALL_UPDATE,
    NAMING_CALL_BEAT,
    NAMING_CALL_LIST,
    NAMING_CALL_SERVICES,
    NAMING_CALL_GROUPS,
    NAMING_CALL_LOGIN,
    NAMING_CALL_PROBE,
    NAMING_CALL_KINDS
};
#define NAMING_LATENCY_BUCKETS 7
extern const double naming_latency_bounds[NAMING_LATENCY_BUCKETS]; /* s, upper bounds, ascending */
struct naming_call_metrics {
    const char *server; /* borrowed; "HOST:PORT" */
    const char *call;   /* static; "register" */
    guint64 requests, answers;
    guint64 failures;                        /* no answer, or not the one asked for */
    guint64 latency[NAMING_LATENCY_BUCKETS]; /* answers within the bound; cumulative */
    double latency_sum;                      /* s, of all answers */
};
/* Fills at most `room` records, only those with requests; returns how many there are. */
guint naming_call_metrics(struct naming *naming, struct naming_call_metrics *rows, guint room);

/* Why a push was not taken. */
enum naming_push_reason {
    NAMING_PUSH_FLOOD,    /* more than is looked at in a second */
    NAMING_PUSH_GARBAGE,  /* it cannot be unpacked or makes no sense */
    NAMING_PUSH_STRANGER, /* from an address that is no server's */
    NAMING_PUSH_UNKNOWN,  /* for a service that is not subscribed */
    NAMING_PUSH_CLUSTERS, /* for other clusters than subscribed */
    NAMING_PUSH_OLD,      /* older than the list held */
    NAMING_PUSH_FUTURE,   /* ahead of the server's clock */
    NAMING_PUSH_REASONS
};
extern const char *const naming_push_reasons[NAMING_PUSH_REASONS]; /* "flood", ... */

struct naming_beat_counts {
    guint64 sent, answered, failed;
    guint64 lost; /* answered by 20404: registered again */
    guint64 late; /* answered more than 2 s later after the one before than it should */
};

struct naming_stats {
    guint subscribed; /* services kept fresh */
    guint beating;    /* instances beaten */
    guint requests_in_flight;
    guint16 udp_port; /* 0 = no push */
    guint64 polls, pushes_accepted, pushes_refused;
    guint64 pushes_refused_by[NAMING_PUSH_REASONS];
    struct naming_beat_counts beats;
    guint64 hosts_dropped; /* in lists that were taken: hosts that made no sense */
    gboolean server_up;    /* the server asked first answered the last time (getServerStatus) */
};
void naming_stats(struct naming *naming, struct naming_stats *stats);
