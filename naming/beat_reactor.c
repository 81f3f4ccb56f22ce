/* SPDX-License-Identifier: MIT */
#include "naming/beat_reactor.h"

#include "naming/registration.h"

/* Of thousands adopted in one go each one's first beat, if it is due already, waits that long for
 * the one before. */
#define ADOPT_PACE_US 1000

struct beat_reactor {
    struct registration_env env;
    GHashTable *table; /* struct registration *, owned, to itself */
    struct naming_beat_counts counts;
    gint64 adopt_due; /* us; the next one adopted beats no sooner */
    naming_adopted_fn adopted;
    naming_beaten_fn beaten;
    gpointer user_data;
};

static void beat_reactor_on_idle(struct registration *registration, gpointer owner)
{
    struct beat_reactor *reactor = owner;

    g_hash_table_remove(reactor->table, registration);
}

static void beat_reactor_on_beaten(const struct service_key *key, const struct instance *instance,
                                   gpointer owner)
{
    struct beat_reactor *reactor = owner;

    if (reactor->beaten != NULL)
        reactor->beaten(key, instance, reactor->user_data);
}

struct beat_reactor *beat_reactor_new(const struct beat_reactor_config *config)
{
    struct beat_reactor *reactor = g_new0(struct beat_reactor, 1);

    reactor->env = (struct registration_env){
        .proxy = config->proxy,
        .timers = config->timers,
        .timeout_ms = config->timeout_ms,
        .counts = &reactor->counts,
        .trouble = config->trouble,
        .idle = beat_reactor_on_idle,
        .beaten = beat_reactor_on_beaten,
        .owner = reactor,
    };
    reactor->adopted = config->adopted;
    reactor->beaten = config->beaten;
    reactor->user_data = config->user_data;
    reactor->table = g_hash_table_new_full(registration_hash, registration_equal,
                                           (GDestroyNotify)registration_free, NULL);
    return reactor;
}

void beat_reactor_free(struct beat_reactor *reactor)
{
    g_hash_table_unref(reactor->table);
    g_free(reactor);
}

static struct registration *beat_reactor_find(const struct beat_reactor *reactor,
                                              const struct service_key *key,
                                              const struct instance *like)
{
    const struct registration wanted = {.key = (struct service_key *)key,
                                        .like = (struct instance *)like};

    return g_hash_table_lookup(reactor->table, &wanted);
}

static struct registration *beat_reactor_get(struct beat_reactor *reactor,
                                             const struct service_key *key,
                                             const struct instance *like)
{
    struct registration *registration = beat_reactor_find(reactor, key, like);

    if (registration == NULL) {
        registration = registration_new(&reactor->env, key, like);
        g_hash_table_add(reactor->table, registration);
    }
    return registration;
}

struct naming_call *beat_reactor_register(struct beat_reactor *reactor,
                                          const struct service_key *key,
                                          const struct instance *instance, naming_done_fn done,
                                          gpointer user_data)
{
    struct registration *registration = beat_reactor_get(reactor, key, instance);
    struct naming_call *call =
        registration_add(registration, OPERATION_REGISTER, instance, done, user_data);

    registration_step(registration);
    return call;
}

struct naming_call *beat_reactor_deregister(struct beat_reactor *reactor,
                                            const struct service_key *key,
                                            const struct instance *like, naming_done_fn done,
                                            gpointer user_data)
{
    struct registration *registration = beat_reactor_get(reactor, key, like);
    struct naming_call *call =
        registration_add(registration, OPERATION_DEREGISTER, like, done, user_data);

    registration_step(registration);
    return call;
}

void beat_reactor_adopt(struct beat_reactor *reactor, const struct service_key *key,
                        const struct instance *instance, gint64 due)
{
    struct registration *registration = beat_reactor_get(reactor, key, instance);
    gint64 now = timers_now(reactor->env.timers);

    if (due <= now) {
        due = MAX(reactor->adopt_due, now);
        reactor->adopt_due = due + ADOPT_PACE_US;
    }
    registration->adopt_due = due;
    registration_add(registration, OPERATION_ADOPT, instance, NULL, NULL);
    registration_step(registration);
}

gboolean beat_reactor_state(struct beat_reactor *reactor, const struct service_key *key,
                            const struct instance *like, struct naming_beat_state *state)
{
    const struct registration *registration = beat_reactor_find(reactor, key, like);

    if (registration == NULL || registration->beat.instance == NULL)
        return FALSE;
    *state = registration->beat.state;
    return TRUE;
}

/* The registrations whose instance is in the list, by whichever are fewer: thousands of instances
 * may be kept, and a service may have 100,000 hosts. */
static GPtrArray *beat_reactor_in_list(struct beat_reactor *reactor,
                                       const struct service_info *info)
{
    GPtrArray *found = g_ptr_array_new();
    struct registration *registration;
    GHashTableIter iter;

    if (g_hash_table_size(reactor->table) > info->n_hosts) {
        for (guint i = 0; i < info->n_hosts; i++) {
            registration = beat_reactor_find(reactor, &info->key, &info->hosts[i]);
            if (registration != NULL)
                g_ptr_array_add(found, registration);
        }
        return found;
    }
    g_hash_table_iter_init(&iter, reactor->table);
    while (g_hash_table_iter_next(&iter, (gpointer *)&registration, NULL))
        if (service_key_equal(registration->key, &info->key) &&
            service_info_find(info, registration->like) != NULL)
            g_ptr_array_add(found, registration);
    return found;
}

void beat_reactor_listed(struct beat_reactor *reactor, const struct service_info *info,
                         gint64 asked)
{
    g_autoptr(GPtrArray) found = beat_reactor_in_list(reactor, info);
    g_autoptr(GPtrArray) adopted = g_ptr_array_new_with_free_func((GDestroyNotify)instance_free);

    for (guint i = 0; i < found->len; i++) {
        struct registration *registration = found->pdata[i];
        const struct instance *listed = service_info_find(info, registration->like);

        if (registration_listed(registration, listed, asked))
            g_ptr_array_add(adopted, instance_dup(registration->beat.instance));
    }
    for (guint i = 0; i < adopted->len && reactor->adopted != NULL; i++)
        reactor->adopted(&info->key, adopted->pdata[i], reactor->user_data);
}

guint beat_reactor_count(struct beat_reactor *reactor)
{
    const struct registration *registration;
    GHashTableIter iter;
    guint count = 0;

    g_hash_table_iter_init(&iter, reactor->table);
    while (g_hash_table_iter_next(&iter, (gpointer *)&registration, NULL))
        count += registration->beat.instance != NULL && registration->beat.instance->ephemeral;
    return count;
}

void beat_reactor_counts(const struct beat_reactor *reactor, struct naming_beat_counts *counts)
{
    *counts = reactor->counts;
}
