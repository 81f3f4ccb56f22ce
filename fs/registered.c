/* SPDX-License-Identifier: MIT */
#include "fs/registered.h"

#include "fs/error.h"
#include "fs/journal.h"
#include "fs/kept.h"
#include "fs/lease.h"
#include "fs/remembered.h"
#include "fs/service.h"

#include <errno.h>

#define FORGOTTEN_AFTER (60 * G_USEC_PER_SEC) /* without a beat no server keeps it that long */

enum change { CHANGE_PUT, CHANGE_DROP, CHANGE_UPDATE };

struct registered_op {
    struct fs *fs;
    guint64 service; /* id; counted in its `parked`, so it lives */
    guint64 unique;  /* under which it stands in the journal */
    struct instance instance;
    struct naming_call *call;
    enum change change;
    guint64 lease; /* handle id; 0 = none */
    gboolean over; /* answered or cancelled */
    wait_fn fn;
    gpointer user_data;
    GList link; /* in fs->changes */
};

void registered_free(gpointer item)
{
    struct registered *registration = item;
    instance_clear(&registration->instance);
    g_free(registration);
}

struct registered *registered_find(const struct service *service, const struct instance *like)
{
    for (guint i = 0; i < service->registrations->len; i++) {
        struct registered *registration = g_ptr_array_index(service->registrations, i);
        if (instance_same(&registration->instance, like))
            return registration;
    }
    return NULL;
}

/* The server said yes: the one place where a registration is recorded, before anybody is told. */
static void record_put(struct service *service, const struct instance *instance, guint64 lease)
{
    struct registered *registration = registered_find(service, instance);
    if (!registration) {
        registration = g_new0(struct registered, 1);
        registration->service = service->id;
        registration->since_ms = g_get_real_time() / 1000;
        registration->id = slots_add(service->fs->registrations, registration);
        g_ptr_array_add(service->registrations, registration);
    }
    registration->ending = 0;
    registration->unproven = FALSE;
    instance_clear(&registration->instance);
    instance_copy(&registration->instance, instance);
    registration->lease = lease;
    kept_registration(service->fs, registration);
    remembered_changed(service->fs->remembered);
}

static void record_ending(struct service *service, const struct instance *instance)
{
    struct registered *registration = registered_find(service, instance);
    if (!registration)
        return;
    registration->ending = g_get_monotonic_time();
    kept_registration(service->fs, registration);
}

static void record_drop(struct service *service, const struct instance *instance)
{
    struct registered *registration = registered_find(service, instance);
    if (!registration)
        return;
    g_ptr_array_remove(service->registrations, registration);
    kept_drop(service->fs, &registration->kept);
    slots_remove(service->fs->registrations, registration->id);
    remembered_changed(service->fs->remembered);
}

/* An operator removed it while nobody was mounted: a persistent instance is beaten by nobody, so
 * nothing else would tell. */
static gboolean is_disproven(const struct service *service, struct registered *registration)
{
    const struct instance *instance = &registration->instance;
    gboolean shown = instance->enabled && *service->fs->options->clusters == '\0';
    if (!registration->unproven || !service->list || service->list->written)
        return FALSE;
    registration->unproven = FALSE;
    return shown && !instance->ephemeral && !service_info_find(service->list, instance);
}

static gboolean is_over(const struct service *service, const struct registered *registration)
{
    if (g_get_monotonic_time() - registration->ending > FORGOTTEN_AFTER)
        return TRUE;
    return service->list && !service_info_find(service->list, &registration->instance);
}

void registered_reap(struct service *service)
{
    for (guint i = service->registrations->len; i-- > 0;) {
        struct registered *registration = g_ptr_array_index(service->registrations, i);
        if (is_disproven(service, registration) ||
            (registration->ending && is_over(service, registration)))
            record_drop(service, &registration->instance);
    }
}

void registered_take_over(struct service *service, const struct instance *instance)
{
    record_put(service, instance, 0);
    registered_find(service, instance)->unproven = TRUE;
}

void registered_adopt(struct service *service, const struct instance *instance)
{
    const struct registered *own = registered_find(service, instance);
    if (!own)
        return;
    record_put(service, instance, own->lease);
    service_update(service);
}

gboolean registered_is_put(const struct service *service, const struct instance *like)
{
    for (const GList *link = service->fs->changes.head; link; link = link->next) {
        const struct registered_op *op = link->data;
        if (op->service == service->id && op->change == CHANGE_PUT && !op->over &&
            instance_same(&op->instance, like))
            return TRUE;
    }
    return FALSE;
}

static void op_free(struct registered_op *op)
{
    struct service *service = service_get(op->fs, op->service);
    if (service)
        service->parked--;
    g_queue_unlink(&op->fs->changes, &op->link);
    instance_clear(&op->instance);
    g_free(op);
}

static void op_done(const struct naming_result *result, gpointer user_data)
{
    struct registered_op *op = user_data;
    struct service *service = service_get(op->fs, op->service);
    int error = error_report(op->fs, result, service->path);
    if (error && op->change == CHANGE_DROP)
        record_ending(service, &op->instance);
    else if (op->change == CHANGE_DROP)
        record_drop(service, &op->instance);
    else if (!error && op->change == CHANGE_PUT)
        record_put(service, &op->instance, op->lease);
    if (!error) {
        service->hidden &= op->change == CHANGE_DROP;
        kept_service(service);
        service_note_change(service, &op->instance, op->change == CHANGE_DROP);
    }
    op->over = TRUE;
    lease_settle(service, &op->instance);
    if (journal_is_orphan(op->unique))
        journal_forget(op->fs->journal, op->unique);
    else
        journal_done(op->fs->journal, op->unique, error);
    op->fn(op->user_data, error);
    op_free(op);
}

/* In the journal before the server is asked. */
static void note_asked(struct fs *fs, guint64 unique, const struct registered_op *op, gsize at)
{
    static const enum journal_kind kinds[] = {JOURNAL_PUT, JOURNAL_DROP, JOURNAL_UPDATE};
    const struct journal_entry entry = {.unique = unique,
                                        .kind = kinds[op->change],
                                        .service = op->service,
                                        .at = at,
                                        .instance = op->instance};
    journal_ask(fs->journal, &entry);
}

static struct registered_op *op_new(struct service *service, enum change change, struct asker asker,
                                    const struct instance *instance)
{
    struct registered_op *op = g_new0(struct registered_op, 1);
    op->fs = service->fs;
    op->service = service->id;
    op->change = change;
    op->link.data = op;
    g_queue_push_tail_link(&op->fs->changes, &op->link);
    service->parked++;
    instance_copy(&op->instance, instance);
    op->unique = asker.unique ? asker.unique : journal_orphan(op->fs->journal);
    note_asked(op->fs, op->unique, op, asker.at);
    return op;
}

struct registered_op *registered_put(struct service *service, struct asker asker,
                                     const struct instance *instance, wait_fn fn,
                                     gpointer user_data)
{
    struct registered_op *op = op_new(service, CHANGE_PUT, asker, instance);
    op->fn = fn;
    op->user_data = user_data;
    op->call = naming_register(op->fs->naming, &service->key, &op->instance, op_done, op);
    return op;
}

void registered_lease(struct registered_op *op, guint64 handle)
{
    op->lease = handle;
}

struct registered_op *registered_drop(struct service *service, struct asker asker,
                                      const struct instance *like, wait_fn fn, gpointer user_data)
{
    struct registered_op *op = op_new(service, CHANGE_DROP, asker, like);
    op->fn = fn;
    op->user_data = user_data;
    op->call = naming_deregister(op->fs->naming, &service->key, &op->instance, op_done, op);
    return op;
}

struct registered_op *registered_update(struct service *service, struct asker asker,
                                        const struct instance *instance, wait_fn fn,
                                        gpointer user_data)
{
    struct registered_op *op = op_new(service, CHANGE_UPDATE, asker, instance);
    op->fn = fn;
    op->user_data = user_data;
    op->call = naming_update(op->fs->naming, &service->key, &op->instance, op_done, op);
    return op;
}

/* What the client does behind a cancelled call, it does within its time-out; a daemon that comes
 * before that is over finds in the journal what is left to do. */
struct afterwards {
    struct fs *fs;
    guint64 unique;
};

static gboolean afterwards_over(gpointer user_data)
{
    const struct afterwards *afterwards = user_data;
    journal_forget(afterwards->fs->journal, afterwards->unique);
    return G_SOURCE_REMOVE;
}

static void drop_afterwards(struct registered_op *op)
{
    struct fs *fs = op->fs;
    struct afterwards *afterwards = g_new0(struct afterwards, 1);
    const struct registered_op like = {
        .change = CHANGE_DROP, .service = op->service, .instance = op->instance};
    afterwards->fs = fs;
    afterwards->unique = journal_orphan(fs->journal);
    note_asked(fs, afterwards->unique, &like, 0);
    g_timeout_add_full(G_PRIORITY_DEFAULT, fs->options->timeout_s * 1000 + 1000, afterwards_over,
                       afterwards, g_free);
}

void registered_cancel(struct registered_op *op)
{
    struct service *service = service_get(op->fs, op->service);
    naming_call_cancel(op->call);
    op->fs->undoing |= op->change == CHANGE_PUT;
    if (op->change == CHANGE_DROP ||
        (op->change == CHANGE_PUT && !registered_find(service, &op->instance)))
        drop_afterwards(op);
    if (op->change == CHANGE_DROP) { /* the client goes on with it and beats no more */
        record_drop(service, &op->instance);
        service_note_change(service, &op->instance, TRUE);
    }
    op->over = TRUE;
    lease_settle(service, &op->instance);
    if (journal_is_orphan(op->unique))
        journal_forget(op->fs->journal, op->unique);
    op_free(op);
}

void registered_beaten(struct service *service, const struct instance *instance)
{
    struct registered *own = registered_find(service, instance);
    struct naming_beat_state state = {0};
    if (!own || !naming_beat_state(service->fs->naming, &service->key, instance, &state))
        return;
    own->beat_due = g_get_monotonic_time() + state.period_ms * 1000;
    kept_registration_beat(own);
}

void registered_end_all(struct fs *fs)
{
    struct registered_op *op;
    while ((op = g_queue_peek_head(&fs->changes))) {
        wait_fn fn = op->fn;
        gpointer user_data = op->user_data;
        naming_call_cancel(op->call);
        op_free(op);
        fn(user_data, ECANCELED);
    }
}
