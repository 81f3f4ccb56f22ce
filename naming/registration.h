/* SPDX-License-Identifier: MIT
 *
 * All that this client does about one address of one service: its beat, and the operations on it in
 * the order in which they were asked for, one at a time.
 */
#pragma once

#include "naming/beat_task.h"
#include "naming/call.h"
#include "naming/trouble.h"

struct registration;

/* Shared by all registrations of a reactor. */
struct registration_env {
    struct naming_proxy *proxy;        /* borrowed */
    struct timers *timers;             /* borrowed */
    guint timeout_ms;                  /* until `done` at the latest */
    struct naming_beat_counts *counts; /* borrowed */
    struct trouble trouble;
    /* Nothing is kept and nothing under way any more: the owner frees it. */
    void (*idle)(struct registration *registration, gpointer owner);
    /* A beat was answered. */
    void (*beaten)(const struct service_key *key, const struct instance *instance, gpointer owner);
    gpointer owner;
};

enum operation_kind {
    OPERATION_REGISTER,
    OPERATION_DEREGISTER,
    OPERATION_ADOPT,   /* no request; no `done` */
    OPERATION_RENEW,   /* the server lost it: POST what is kept */
    OPERATION_RESTORE, /* the server may hold another record than what is kept: the same */
};

struct registration {
    const struct registration_env *env;
    struct service_key *key;
    struct instance *like; /* ip, port and cluster_name identify it */
    struct beat_task beat; /* beat.instance is the record kept, NULL = none */
    GQueue operations;     /* struct operation *, the first one is under way */
    struct naming_call *request;
    gint64 adopt_due;        /* us; when the first beat of an adopted instance goes out */
    gint64 accepted;         /* us; when a server last took the record */
    gboolean agreed;         /* a list asked for after that showed the record */
    struct instance *before; /* the record that the last register replaced; NULL once agreed */
    gboolean restore;        /* an OPERATION_RESTORE is due with the next beat that is answered */
};

struct registration *registration_new(const struct registration_env *env,
                                      const struct service_key *key, const struct instance *like);
void registration_free(struct registration *registration); /* drops what is under way */

/* For GHashTable: by service, ip, port and cluster; only key and like are looked at. */
guint registration_hash(gconstpointer registration);
gboolean registration_equal(gconstpointer a, gconstpointer b);

/* Appends an operation; copies `instance`. registration_step starts it. */
struct naming_call *registration_add(struct registration *registration, enum operation_kind kind,
                                     const struct instance *instance, naming_done_fn done,
                                     gpointer user_data);
/* A server's list that was asked for at `asked` (us) showed the instance as `listed`. TRUE if its
 * weight and metadata were taken over into the record. They are not while an operation is under
 * way, nor from a list asked for before the servers took the record, nor as long as they may not
 * have come round to it: 5 s, or until a list shows it. What a register replaced is not taken back
 * until a list has shown the new record: on 2.x an operator's override outlives a register. */
gboolean registration_listed(struct registration *registration, const struct instance *listed,
                             gint64 asked);
/* Starts what can be started; may end the registration (env->idle). */
void registration_step(struct registration *registration);
