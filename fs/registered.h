/* SPDX-License-Identifier: MIT
 *
 * What this mount keeps registered: the desired state, one record an instance. The client beats
 * what stands here. No FUSE calls.
 */
#pragma once

#include "fs/fs.h"

struct record;
struct service;

struct registered {
    guint64 id;               /* in fs->registrations */
    guint64 service;          /* id */
    struct instance instance; /* as last accepted; owned members */
    gint64 since_ms;          /* wall clock of the first registration */
    gboolean unproven;        /* taken over, and no server has listed it yet */
    guint64 lease;            /* handle id whose close ends it (lease.h); 0 = none */
    gint64 beat_due;          /* monotonic us; 0 = at once */
    struct record *kept;
    gint64 ending; /* monotonic us when a deregister failed, 0 = not: not beaten any more, the
                      server will forget it; still ours, so that it can be tried again */
};

void registered_free(gpointer registration); /* for the slot table */

/* The record of the same address and cluster, NULL if this mount does not keep it. */
struct registered *registered_find(const struct service *service, const struct instance *like);

/* A change under way. */
struct registered_op;

/* On whose behalf: the number of the request and the offset of its line; zeroes if nobody waits. */
struct asker {
    guint64 unique;
    gsize at;
};

/* Forgets the records that are ending and that the newest list does not show any more, or whose
 * time at the server is over in any case. */
void registered_reap(struct service *service);

/* One that the mount before left registered: ours from here on. A persistent one that turns out not
 * to be listed any more, which nothing would register again, is forgotten. */
void registered_take_over(struct service *service, const struct instance *instance);

/* An operator has changed an instance of ours on the server, and the client has taken that over. */
void registered_adopt(struct service *service, const struct instance *instance);

/* Registers (or replaces) at the server; when it has said yes, first the record stands here and in
 * the service's view, then `fn` is told. Errors are in `.nacos/errors`. `fn` is called once, never
 * before this returns. `instance` is copied. */
struct registered_op *registered_put(struct service *service, struct asker asker,
                                     const struct instance *instance, wait_fn fn,
                                     gpointer user_data);
/* A put that succeeds will make it a lease of that handle (id); without, it ends one. Right behind
 * registered_put. */
void registered_lease(struct registered_op *op, guint64 handle);
/* A put of that instance is under way: whether it is ours, and whose, is known after it. */
gboolean registered_is_put(const struct service *service, const struct instance *like);
/* Deregisters; the record, if there is one, goes when the server has said yes, and is `ending`
 * after a failure (the beat has stopped). Works for instances of others, too: who may do that is
 * the caller's business. */
struct registered_op *registered_drop(struct service *service, struct asker asker,
                                      const struct instance *like, wait_fn fn, gpointer user_data);
/* Changes an instance that somebody else registered, as an operator does; nothing is kept. */
struct registered_op *registered_update(struct service *service, struct asker asker,
                                        const struct instance *instance, wait_fn fn,
                                        gpointer user_data);
/* `fn` will not be told. A register that the server accepts all the same is undone by the client, a
 * deregister goes on; the record follows what the client does. */
void registered_cancel(struct registered_op *op);

/* A beat was answered: the next one is due a period from now. */
void registered_beaten(struct service *service, const struct instance *instance);

/* Tells all that are under way ECANCELED: the client is about to end. */
void registered_end_all(struct fs *fs);

/* Deregisters all leases and, without keep_registered, all ephemeral ones at once; `fn` is told
 * when the last is answered. */
void registered_drop_all(struct fs *fs, wait_fn fn, gpointer user_data);
