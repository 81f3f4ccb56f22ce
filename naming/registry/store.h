/* SPDX-License-Identifier: MIT
 *
 * What the registry knows: namespaces, services, instances. Pure: no I/O and no clock; every call
 * that changes something fills a struct store_change, and the caller tells whoever must hear of it.
 * Times are microseconds of CLOCK_MONOTONIC and always parameters. health.h has the calls that
 * depend on time alone.
 */
#pragma once

#include "naming/registry/errors.h"
#include "naming/registry/metadata.h"
#include "naming/registry/timeline.h"

#define STORE_MAX_INSTANCES 100000
#define STORE_MAX_SERVICES 100000
#define STORE_MAX_WEIGHT 10000.0
#define STORE_MIN_WEIGHT 0.01 /* what a weight between 0 and this becomes (Instance.validate) */

struct store_namespace {
    GRefString *id;  /* owned, interned */
    GTree *services; /* of struct store_service, owned, keyed and ordered by name */
};

struct store_service {
    struct timed emptied;               /* in store.empty while nothing is registered */
    struct store_namespace *name_space; /* borrowed */
    char *name;                         /* owned; GROUP@@SERVICE */
    GTree *instances;         /* of struct store_instance, owned, ordered by ip, port, cluster */
    struct metadata metadata; /* owned */
    double protect_threshold; /* 0 = no protection */
    gboolean created;         /* by POST /service: stays when empty */
    gint64 last_ref_time;     /* of the last reply or push, ms of the wall clock */
    char checksum[33];        /* MD5 in hex of what lists show; "" = to be computed again */
};

struct store_instance {
    struct timed deadline;         /* in store.deadlines; never later than the real deadline */
    struct store_service *service; /* borrowed */
    char *ip;                      /* owned */
    GRefString *cluster;           /* owned, interned */
    struct metadata metadata;      /* owned */
    double weight;                 /* 0..STORE_MAX_WEIGHT */
    gint64 last_beat;              /* us, monotonic */
    gint port;                     /* 0..65535 */
    guint healthy : 1;
    guint enabled : 1;   /* FALSE = in no list */
    guint ephemeral : 1; /* TRUE = lives by beats */
};

struct store {
    GHashTable *namespaces; /* id -> struct store_namespace, owned */
    GSequence *deadlines;   /* of ephemeral instances */
    GSequence *empty;       /* services without instances that will be removed */
    gint64 empty_expire;    /* us that such a service is kept */
    gint64 ref_time_floor;  /* the largest last_ref_time of services removed or never known */
    guint service_count;
    guint instance_count;
};

/* Which instance: (namespace, service, ip, port, cluster). Strings are borrowed. */
struct store_id {
    const char *namespace_id;
    const char *service; /* GROUP@@SERVICE */
    const char *ip;
    const char *cluster; /* NULL = not named: DEFAULT, or the only one of that ip and port */
    gint port;
};

/* What somebody wants registered. Everything is borrowed. */
struct store_record {
    struct store_id id;
    const struct metadata *metadata;
    double weight;
    gboolean healthy;
    gboolean enabled;
};

/* What POST and PUT /service set. Everything is borrowed. */
struct store_service_record {
    const char *namespace_id;
    const char *service; /* GROUP@@SERVICE */
    const struct metadata *metadata;
    double protect_threshold;
};

enum store_change_kind {
    STORE_UNCHANGED,
    STORE_REGISTERED,
    STORE_MODIFIED,
    STORE_UNHEALTHY,
    STORE_DEREGISTERED,
    STORE_EXPIRED, /* deregistered because its beats stopped */
};

struct store_change {
    enum store_change_kind kind;
    struct store_service *service;   /* borrowed; NULL if STORE_UNCHANGED */
    struct store_instance *instance; /* borrowed; NULL once it is gone */
};

/* `empty_expire` us: how long a service without instances is kept. */
struct store *store_new(gint64 empty_expire);
void store_free(struct store *store);

/* Borrowed; NULL if unknown. */
struct store_namespace *store_namespace(const struct store *store, const char *namespace_id);
struct store_service *store_service(const struct store *store, const char *namespace_id,
                                    const char *service);
struct store_instance *store_find(const struct store *store, const struct store_id *id);

/* Registers, or replaces the whole record of the instance that is there; counts as a beat. Makes
 * the service. FALSE for names, a weight or a port that cannot be, and REGISTRY_ERROR_FULL at a
 * cap. */
gboolean store_register(struct store *store, const struct store_record *record, gint64 now,
                        struct store_change *change, GError **error);

/* Replaces weight, enabled and metadata of an instance (PUT /instance); its health and the time of
 * its last beat stay. FALSE for a bad weight. */
gboolean store_update(struct store *store, struct store_instance *instance,
                      const struct store_record *record, struct store_change *change,
                      GError **error);

void store_deregister(struct store *store, struct store_instance *instance, gint64 now,
                      struct store_change *change);

/* FALSE if the service is there already, for a bad name or at a cap. */
gboolean store_create_service(struct store *store, const struct store_service_record *record,
                              GError **error);
/* FALSE for a bad threshold. Lists may differ afterwards: the caller announces the service. */
gboolean store_update_service(struct store_service *service,
                              const struct store_service_record *record, GError **error);
/* With all its instances. */
void store_remove_service(struct store *store, struct store_service *service);

/* lastRefTime of the next reply about a service (NULL = unknown): the wall clock in ms, but never
 * one given out before for it, whatever the clock does. */
gint64 store_ref_time(struct store *store, struct store_service *service, gint64 wall_ms);

/* MD5 over what lists show of the service; borrowed. */
const char *store_checksum(struct store_service *service);
