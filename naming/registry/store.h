/* SPDX-License-Identifier: MIT
 *
 * What the registry knows: namespaces, services, clusters, instances. Pure: no I/O and no clock;
 * every call that changes something fills a struct store_change, and the caller tells whoever must
 * hear of it. What must outlast the process is given to a journal first: only what that has taken
 * is done.
 * Times are microseconds of CLOCK_MONOTONIC and always parameters. health.h has the calls that
 * depend on time alone.
 */
#pragma once

#include "naming/registry/brake.h"
#include "naming/registry/checker.h"
#include "naming/registry/errors.h"
#include "naming/registry/metadata.h"
#include "naming/registry/timeline.h"

#define STORE_MAX_INSTANCES 100000
#define STORE_MAX_SERVICES 100000
#define STORE_MAX_WEIGHT 10000.0
#define STORE_MAX_CLUSTERS 64 /* configured ones of a service */
#define STORE_MIN_WEIGHT 0.01 /* what a weight between 0 and this becomes (Instance.validate) */

struct store_namespace {
    GRefString *id;  /* owned, interned */
    GTree *services; /* of struct store_service, owned, keyed and ordered by name */
};

struct store_service {
    struct timed emptied;               /* in store.empty while nothing is registered */
    struct store_namespace *name_space; /* borrowed */
    char *name;                         /* owned; GROUP@@SERVICE */
    GTree *instances; /* of struct store_instance, owned, ordered by ip, port, cluster, kind */
    GTree *clusters;  /* of struct store_cluster, owned, keyed by name; NULL = none configured */
    struct metadata metadata; /* owned */
    double protect_threshold; /* 0 = no protection */
    gboolean created;         /* made or configured by somebody: stays when empty, and on disk */
    gint64 last_ref_time;     /* of the last reply or push, ms of the wall clock */
    char checksum[33];        /* MD5 in hex of what lists show; "" = to be computed again */
};

/* One that PUT /cluster configured. */
struct store_cluster {
    GRefString *name;           /* owned, interned */
    struct checker checker;     /* owned */
    struct metadata metadata;   /* owned */
    gint check_port;            /* of every instance, unless: */
    gboolean use_instance_port; /* probes go to the instance's own port */
};

struct store_instance {
    struct timed deadline;         /* in store.deadlines; never later than the real deadline */
    struct store_service *service; /* borrowed */
    char *ip;                      /* owned */
    GRefString *cluster;           /* owned, interned */
    struct metadata metadata;      /* owned */
    struct check *check;           /* owned; probes of a persistent one, NULL if ephemeral */
    double weight;                 /* 0..STORE_MAX_WEIGHT */
    gint64 last_beat;              /* us, monotonic */
    gint port;                     /* 0..65535 */
    guint healthy : 1;
    guint enabled : 1;   /* FALSE = in no list */
    guint missing : 1;   /* its beats are overdue; counted in store.missing_count */
    guint ephemeral : 1; /* TRUE = lives by beats; FALSE = persistent: on disk, and probed */
};

struct store {
    GHashTable *namespaces; /* id -> struct store_namespace, owned */
    GSequence *deadlines;   /* of ephemeral instances */
    GSequence *checks;     /* struct check of persistent instances, by the time of the next probe */
    GSequence *empty;      /* services without instances that will be removed */
    gint64 empty_expire;   /* us that such a service is kept */
    gint64 ref_time_floor; /* the largest last_ref_time of services removed or never known */
    struct store_journal *journal; /* borrowed; NULL = memory is enough */
    guint service_count;
    guint instance_count;
    guint persistent_count; /* of them */
    guint missing_count;    /* of them: ephemeral ones whose beats are overdue */
    struct brake brake;     /* on their removal */
};

/* Which instance: (namespace, service, ip, port, cluster, kind). Strings are borrowed. */
struct store_id {
    const char *namespace_id;
    const char *service; /* GROUP@@SERVICE */
    const char *ip;
    const char *cluster; /* NULL = not named: DEFAULT, or the only one of that ip and port */
    gint port;
    gboolean persistent; /* the other kind is another instance, as in 1.4.8 */
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

/* What PUT /cluster sets. Everything is borrowed. */
struct store_cluster_record {
    const char *namespace_id;
    const char *service; /* GROUP@@SERVICE */
    const char *cluster;
    const struct checker *checker;
    const struct metadata *metadata;
    gint check_port;
    gboolean use_instance_port;
};

/* What keeps persistent instances, created services and configured clusters. Each call returns when
 * it is on disk, or FALSE with REGISTRY_ERROR_DISK; then nothing changes in memory, either. */
struct store_journal {
    gboolean (*put_instance)(struct store_journal *journal, const struct store_record *record,
                             GError **error);
    gboolean (*remove_instance)(struct store_journal *journal, const struct store_id *id,
                                GError **error);
    gboolean (*put_service)(struct store_journal *journal,
                            const struct store_service_record *record, GError **error);
    /* With its clusters and instances. */
    gboolean (*remove_service)(struct store_journal *journal, const char *namespace_id,
                               const char *service, GError **error);
    gboolean (*put_cluster)(struct store_journal *journal,
                            const struct store_cluster_record *record, GError **error);
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
/* The same, but of the other kind if there is none of the kind asked for. */
struct store_instance *store_find_any(const struct store *store, const struct store_id *id);

/* The record that the instance has, to be registered or updated with a difference. All in it is
 * borrowed from the instance. */
struct store_record store_record_of(const struct store_instance *instance);

/* Registers, or replaces the whole record of the instance that is there; counts as a beat, but what
 * is probed keeps the health that it has. Makes the service. FALSE for names, a weight or a port
 * that cannot be, and REGISTRY_ERROR_FULL at a cap. */
gboolean store_register(struct store *store, const struct store_record *record, gint64 now,
                        struct store_change *change, GError **error);

/* Replaces weight, enabled and metadata of an instance (PUT /instance); its health and the time of
 * its last beat stay. FALSE for a bad weight. */
gboolean store_update(struct store *store, struct store_instance *instance,
                      const struct store_record *record, struct store_change *change,
                      GError **error);

/* An ephemeral one always goes. */
gboolean store_deregister(struct store *store, struct store_instance *instance, gint64 now,
                          struct store_change *change, GError **error);

/* Somebody says how an instance is that nobody probes (PUT /health); on disk if it is persistent.
 */
gboolean store_set_health(struct store *store, struct store_instance *instance, gboolean healthy,
                          struct store_change *change, GError **error);

/* FALSE if the service is there already, for a bad name or at a cap. */
gboolean store_create_service(struct store *store, const struct store_service_record *record,
                              GError **error);
/* FALSE for a bad threshold. Lists may differ afterwards: the caller announces the service. */
gboolean store_update_service(struct store *store, struct store_service *service,
                              const struct store_service_record *record, GError **error);
/* With all its instances. */
gboolean store_remove_service(struct store *store, struct store_service *service, GError **error);

/* Configures a cluster of a service that is there; its instances are probed anew at `now`. */
gboolean store_update_cluster(struct store *store, const struct store_cluster_record *record,
                              gint64 now, GError **error);
/* Borrowed; the defaults of Nacos if nobody configured it. */
const struct store_cluster *store_cluster(const struct store_service *service, const char *name);

/* lastRefTime of the next reply about a service (NULL = unknown): the wall clock in ms, but never
 * one given out before for it, whatever the clock does. */
gint64 store_ref_time(struct store *store, struct store_service *service, gint64 wall_ms);

/* MD5 over what lists show of the service; borrowed. */
const char *store_checksum(struct store_service *service);
