/* SPDX-License-Identifier: MIT */
#include "naming/registration.h"

#define MS 1000 /* us */
/* The request's own deadline is the same and its words are better: it gets that much more. */
#define OPERATION_GRACE_MS 50
#define SETTLE_US (5000 * MS) /* 2.x takes a register and lists it some time later */

struct operation {
    struct naming_call call;
    struct registration *registration;
    enum operation_kind kind;
    gboolean started; /* its request was sent */
    gboolean dropped; /* the caller cancelled it or was told that time is up */
    struct instance instance;
    naming_done_fn done; /* NULL = nobody to tell */
    gpointer user_data;
    const char *refusal; /* static; it never gets to a server; NULL = it is all right */
    struct timer deadline;
};

static void operation_free(struct operation *operation)
{
    timer_stop(&operation->deadline);
    instance_clear(&operation->instance);
    g_free(operation);
}

/* A request that was sent goes on to its end: what it brings about is undone or wanted, but never
 * left to chance. A deregister goes on even when it was not sent yet. */
static void operation_drop(struct operation *operation)
{
    struct registration *registration = operation->registration;

    operation->done = NULL;
    operation->dropped = TRUE;
    timer_stop(&operation->deadline);
    if (operation->kind != OPERATION_REGISTER || operation->started)
        return;
    g_queue_remove(&registration->operations, operation);
    operation_free(operation);
    registration_step(registration); /* what it was in the way of; may end it */
}

static void operation_cancel(struct naming_call *call)
{
    operation_drop((struct operation *)call);
}

static void operation_on_deadline(gpointer user_data)
{
    struct operation *operation = user_data;
    naming_done_fn done = operation->done;
    gpointer done_data = operation->user_data;
    struct naming_result result = {NAMING_TIMEOUT, "", "no answer in time"};

    if (operation->refusal != NULL) {
        result.status = NAMING_INVALID;
        result.text = operation->refusal;
    }
    operation_drop(operation);
    if (done != NULL)
        done(&result, done_data);
}

static struct operation *operation_new(struct registration *registration, enum operation_kind kind,
                                       const struct instance *instance)
{
    struct operation *operation = g_new0(struct operation, 1);

    operation->call.cancel = operation_cancel;
    operation->registration = registration;
    operation->kind = kind;
    instance_copy(&operation->instance, instance);
    timer_init(&operation->deadline, registration->env->timers, operation_on_deadline, operation);
    return operation;
}

static gboolean registration_next_is(struct registration *registration, enum operation_kind kind)
{
    const struct operation *next = g_queue_peek_head(&registration->operations);

    return next != NULL && next->kind == kind;
}

/* Before all that waits. */
static void registration_urgent(struct registration *registration, enum operation_kind kind,
                                const struct instance *instance)
{
    if (registration_next_is(registration, OPERATION_DEREGISTER))
        return; /* whatever the server holds now goes away anyway */
    g_queue_push_head(&registration->operations, operation_new(registration, kind, instance));
}

/* A request without a clear answer may have been carried out all the same. */
static gboolean status_is_unclear(enum naming_status status)
{
    return status == NAMING_TIMEOUT || status == NAMING_UNREACHABLE || status == NAMING_REMOTE;
}

/* A server took the record that is kept now. */
static void registration_accepted(struct registration *registration)
{
    registration->restore = FALSE;
    registration->accepted = timers_now(registration->env->timers);
    registration->agreed = FALSE;
}

static void registration_keep(struct registration *registration, const struct instance *instance)
{
    const struct instance *kept = registration->beat.instance;

    instance_free(registration->before);
    registration->before = kept == NULL ? NULL : instance_dup(kept);
    beat_task_keep(&registration->beat, instance);
    registration_accepted(registration);
}

static void registration_registered(struct registration *registration, struct operation *operation,
                                    const struct naming_result *result)
{
    const struct instance *kept = registration->beat.instance;

    if (result->status == NAMING_OK && !operation->dropped) {
        registration_keep(registration, &operation->instance);
    } else if (kept != NULL && (result->status == NAMING_OK || status_is_unclear(result->status))) {
        registration->restore = TRUE;
        registration_urgent(registration, OPERATION_RESTORE, kept);
    } else if (result->status == NAMING_OK) {
        registration_urgent(registration, OPERATION_DEREGISTER, &operation->instance);
    }
}

static void registration_renewed(struct registration *registration,
                                 const struct operation *operation,
                                 const struct naming_result *result)
{
    if (result->status == NAMING_OK) {
        registration_accepted(registration);
        registration->beat.state.reregistered += operation->kind == OPERATION_RENEW;
    }
    beat_task_resume(&registration->beat, result->status != NAMING_OK);
}

static void registration_on_done(const struct naming_result *result, gpointer user_data)
{
    struct registration *registration = user_data;
    const struct registration_env *env = registration->env;
    struct operation *operation = g_queue_pop_head(&registration->operations);
    g_autoptr(service_key) key = service_key_dup(registration->key);

    registration->request = NULL;
    if (operation->kind == OPERATION_REGISTER)
        registration_registered(registration, operation, result);
    else if (operation->kind != OPERATION_DEREGISTER)
        registration_renewed(registration, operation, result);
    registration_step(registration); /* may end it */

    if (operation->done != NULL)
        operation->done(result, operation->user_data);
    else if (result->status != NAMING_OK)
        trouble_report(&env->trouble, key, result);
    operation_free(operation);
}

/* TRUE if it is under way or has to wait, FALSE if it is over already. */
static gboolean registration_start(struct registration *registration, struct operation *operation)
{
    const struct registration_env *env = registration->env;
    struct beat_task *beat = &registration->beat;
    const struct instance *instance = &operation->instance;

    switch (operation->kind) {
    case OPERATION_ADOPT:
        registration_accepted(registration);
        beat_task_adopt(beat, instance, MAX(registration->adopt_due - timers_now(env->timers), 0));
        return FALSE;
    case OPERATION_DEREGISTER:
        beat_task_drop(beat);
        if (beat->call != NULL)
            return TRUE; /* the beat's end comes back here */
        registration->request = naming_proxy_deregister(env->proxy, registration->key, instance,
                                                        registration_on_done, registration);
        break;
    case OPERATION_RENEW:
    case OPERATION_RESTORE:
        beat_task_pause(beat);
        G_GNUC_FALLTHROUGH;
    case OPERATION_REGISTER:
        if (operation->refusal != NULL)
            return TRUE; /* its own timer ends it */
        registration->request = naming_proxy_register(env->proxy, registration->key, instance,
                                                      registration_on_done, registration);
        break;
    }
    operation->started = TRUE;
    return TRUE;
}

void registration_step(struct registration *registration)
{
    struct operation *operation;

    if (registration->request != NULL)
        return;
    while ((operation = g_queue_peek_head(&registration->operations)) != NULL) {
        if (registration_start(registration, operation))
            return;
        operation_free(g_queue_pop_head(&registration->operations));
    }
    if (registration->beat.instance == NULL && registration->beat.call == NULL)
        registration->env->idle(registration, registration->env->owner);
}

static void registration_on_beat(enum beat_outcome outcome, const struct naming_result *result,
                                 gpointer user_data)
{
    struct registration *registration = user_data;
    const struct registration_env *env = registration->env;
    g_autoptr(service_key) key = service_key_dup(registration->key);
    gboolean free_to_post = g_queue_is_empty(&registration->operations);

    /* While a register is under way it speaks for itself, and the next beat tells how it went. */
    if (outcome == BEAT_LOST && free_to_post)
        registration_urgent(registration, OPERATION_RENEW, registration->beat.instance);
    else if (outcome == BEAT_ANSWERED && registration->restore && free_to_post)
        registration_urgent(registration, OPERATION_RESTORE, registration->beat.instance);
    if (outcome == BEAT_ANSWERED)
        env->beaten(registration->key, registration->beat.instance, env->owner);
    registration_step(registration); /* may end it */
    if (outcome == BEAT_FAILED)
        trouble_report(&env->trouble, key, result);
}

/* `record` with what the operator of a server may change in it, as listed; into uninitialised
 * memory. enabled is not among that: servers do not list a disabled instance. */
static void follow(struct instance *followed, const struct instance *record,
                   const struct instance *listed)
{
    instance_copy(followed, record);
    followed->weight = listed->weight;
    g_strfreev(followed->metadata);
    followed->metadata = g_strdupv(listed->metadata);
}

static gboolean shows(const struct instance *listed, const struct instance *record)
{
    g_auto(instance) followed;

    follow(&followed, record, listed);
    return instance_equal(&followed, record);
}

static gboolean registration_may_follow(const struct registration *registration, gint64 asked)
{
    return registration->beat.instance != NULL && registration->operations.length == 0 &&
           !registration->restore && asked > registration->accepted;
}

gboolean registration_listed(struct registration *registration, const struct instance *listed,
                             gint64 asked)
{
    const struct instance *kept = registration->beat.instance;
    gint64 now = timers_now(registration->env->timers);
    g_auto(instance) record = {0};

    if (!registration_may_follow(registration, asked) || kept->ephemeral != listed->ephemeral)
        return FALSE;
    if (shows(listed, kept)) {
        registration->agreed = TRUE;
        g_clear_pointer(&registration->before, instance_free);
        return FALSE;
    }
    if (!registration->agreed && now < registration->accepted + SETTLE_US)
        return FALSE;
    if (registration->before != NULL && shows(listed, registration->before))
        return FALSE;
    follow(&record, kept, listed);
    beat_task_keep(&registration->beat, &record);
    return TRUE;
}

struct registration *registration_new(const struct registration_env *env,
                                      const struct service_key *key, const struct instance *like)
{
    struct registration *registration = g_new0(struct registration, 1);

    registration->env = env;
    registration->key = service_key_dup(key);
    registration->like = instance_dup(like);
    registration->beat = (struct beat_task){
        .proxy = env->proxy,
        .key = registration->key,
        .timeout_ms = env->timeout_ms,
        .counts = env->counts,
        .ended = registration_on_beat,
        .user_data = registration,
    };
    beat_task_init(&registration->beat, env->timers);
    return registration;
}

void registration_free(struct registration *registration)
{
    if (registration->request != NULL)
        naming_call_cancel(registration->request);
    beat_task_clear(&registration->beat);
    while (!g_queue_is_empty(&registration->operations))
        operation_free(g_queue_pop_head(&registration->operations));
    service_key_free(registration->key);
    instance_free(registration->like);
    instance_free(registration->before);
    g_free(registration);
}

guint registration_hash(gconstpointer data)
{
    const struct registration *registration = data;
    const struct instance *like = registration->like;

    return (service_key_hash(registration->key) * 31 + g_str_hash(like->ip)) * 31 + like->port +
           g_str_hash(like->cluster_name);
}

gboolean registration_equal(gconstpointer a, gconstpointer b)
{
    const struct registration *one = a;
    const struct registration *other = b;

    return service_key_equal(one->key, other->key) && instance_same(one->like, other->like);
}

struct naming_call *registration_add(struct registration *registration, enum operation_kind kind,
                                     const struct instance *instance, naming_done_fn done,
                                     gpointer user_data)
{
    struct operation *operation = operation_new(registration, kind, instance);

    operation->done = done;
    operation->user_data = user_data;
    if (kind == OPERATION_REGISTER)
        operation->refusal = instance_refusal(instance);
    if (operation->refusal != NULL)
        timer_set(&operation->deadline, 0);
    else if (done != NULL)
        timer_set(&operation->deadline,
                  ((gint64)registration->env->timeout_ms + OPERATION_GRACE_MS) * MS);
    g_queue_push_tail(&registration->operations, operation);
    return &operation->call;
}
