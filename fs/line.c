/* SPDX-License-Identifier: MIT */
#include "fs/line.h"

#include "fs/address.h"
#include "fs/error.h"
#include "fs/parse.h"
#include "fs/service.h"

#include <errno.h>
#include <string.h>

#define NOT_OURS "somebody else registered it, and -o admin is not set"
#define SETTLE_MS 500 /* how long a write waits for its name to appear in hosts/ */

struct line_op {
    struct fs *fs;
    guint64 service; /* id; counted in its `parked`, so it lives */
    struct instance instance;
    struct registered_op *change;
    struct waiter *waiter; /* for a list, or for hosts/ to settle */
    guint timer;
    gboolean any_cluster; /* only the address was given */
    gboolean in_hosts;    /* the writer holds hosts/ or a file in it: nothing can settle there */
    struct told told;
};

static struct service *op_service(const struct line_op *op)
{
    return service_get(op->fs, op->service);
}

static struct line_op *op_new(struct service *service, const struct instance *instance,
                              struct told told)
{
    struct line_op *op = g_new0(struct line_op, 1);
    op->fs = service->fs;
    op->service = service->id;
    service->parked++;
    instance_copy(&op->instance, instance);
    op->told = told;
    return op;
}

static void op_free(struct line_op *op)
{
    g_clear_handle_id(&op->timer, g_source_remove);
    op_service(op)->parked--;
    instance_clear(&op->instance);
    g_free(op);
}

static void tell(struct line_op *op, int error)
{
    struct told told = op->told;
    op_free(op);
    told.fn(told.user_data, error);
}

void line_cancel(struct line_op *op)
{
    g_clear_pointer(&op->change, registered_cancel);
    g_clear_pointer(&op->waiter, waiter_cancel);
    op_free(op);
}

/* --- register ------------------------------------------------------------------------------ */

static void settled(gpointer user_data, int error)
{
    struct line_op *op = user_data;
    op->waiter = NULL;
    tell(op, 0);
}

static gboolean settle_late(gpointer user_data)
{
    struct line_op *op = user_data;
    op->timer = 0;
    g_clear_pointer(&op->waiter, waiter_cancel);
    tell(op, 0);
    return G_SOURCE_REMOVE;
}

static void wait_settled(struct line_op *op)
{
    op->waiter = waiters_add(&op_service(op)->hosts.settled, settled, op);
    op->timer = g_timeout_add(SETTLE_MS, settle_late, op);
}

/* The server has said yes: hosts/ shows it before the writer goes on, if that can be announced
 * soon. */
static void change_done(gpointer user_data, int error)
{
    struct line_op *op = user_data;
    struct hosts *hosts = &op_service(op)->hosts;
    op->change = NULL;
    if (error || op->in_hosts || hosts_are_settled(hosts)) {
        tell(op, error);
        return;
    }
    wait_settled(op);
}

struct line_op *line_settle(const struct handle *handle, struct told told)
{
    static const struct instance none;
    struct service *service = service_get(handle->fs, handle->service);
    if (handle->host || hosts_are_settled(&service->hosts))
        return NULL;
    struct line_op *op = op_new(service, &none, told);
    wait_settled(op);
    return op;
}

/* `lease`: the handle whose close ends it, 0 = none. */
static struct line_op *put(struct service *service, const struct instance *instance, guint64 lease,
                           struct told told)
{
    struct line_op *op = op_new(service, instance, told);
    op->change = registered_put(service, told.asker, &op->instance, change_done, op);
    registered_lease(op->change, lease);
    return op;
}

static char *own_ip_for(const struct fs *fs, const char *text, gsize length)
{
    gsize blanks = strspn(text, " \t");
    return blanks < length && text[blanks] == ':' ? naming_own_ip(fs->naming) : NULL;
}

static struct line_op *begin_register(const struct handle *handle, const char *text, gsize length,
                                      struct told told, int *error)
{
    struct service *service = service_get(handle->fs, handle->service);
    g_autofree char *own_ip = own_ip_for(service->fs, text, length);
    g_autofree char *why = NULL;
    g_auto(instance) instance = {0};
    if (!parse_instance(text, length, own_ip, &instance, &why)) {
        *error = error_note(service->fs, EINVAL, service->path, why);
        return NULL;
    }
    return put(service, &instance, handle->line == LINE_LEASE ? handle->id : 0, told);
}

/* --- deregister ---------------------------------------------------------------------------- */

static gboolean is_at(const struct instance *a, const struct instance *b)
{
    return strcmp(a->ip, b->ip) == 0 && a->port == b->port;
}

static const struct instance *find_listed(const struct line_op *op)
{
    const struct service_info *view = op_service(op)->view;
    if (!view || !op->any_cluster)
        return view ? service_info_find(view, &op->instance) : NULL;
    for (guint i = 0; i < view->n_hosts; i++)
        if (is_at(&view->hosts[i], &op->instance))
            return &view->hosts[i];
    return NULL;
}

/* Not ours: what the server lists decides between EPERM and ENOENT. */
static int judge_foreign(struct line_op *op)
{
    struct service *service = op_service(op);
    const struct instance *listed = find_listed(op);
    if (!listed)
        return error_note(op->fs, ENOENT, service->path, "no such instance is listed");
    if (!op->fs->options->admin)
        return error_note(op->fs, EPERM, service->path, NOT_OURS);
    instance_clear(&op->instance);
    instance_copy(&op->instance, listed);
    op->change = registered_drop(service, op->told.asker, &op->instance, change_done, op);
    return 0;
}

static void foreign_listed(gpointer user_data, int error)
{
    struct line_op *op = user_data;
    op->waiter = NULL;
    if (!error || op_service(op)->view)
        error = judge_foreign(op);
    if (error)
        tell(op, error);
}

static struct line_op *drop(struct service *service, const struct instance *like,
                            gboolean any_cluster, struct told told, int *error)
{
    const struct registered *own = registered_find(service, like);
    struct line_op *op = op_new(service, own ? &own->instance : like, told);
    op->any_cluster = any_cluster;
    if (own)
        op->change = registered_drop(service, told.asker, &op->instance, change_done, op);
    else
        op->waiter = service_need_list(service, FALSE, foreign_listed, op);
    if (op->change || op->waiter)
        return op;
    *error = judge_foreign(op);
    if (*error == 0)
        return op;
    op_free(op);
    return NULL;
}

/* Only the address was given: which cluster do we keep it in? EINVAL if in several. */
static int find_cluster(struct service *service, struct instance *target)
{
    const struct registered *found = NULL;
    for (guint i = 0; i < service->registrations->len; i++) {
        const struct registered *own = g_ptr_array_index(service->registrations, i);
        if (!is_at(&own->instance, target))
            continue;
        if (found)
            return error_note(service->fs, EINVAL, service->path,
                              "kept in several clusters: add cluster=");
        found = own;
    }
    if (found) {
        g_free(target->cluster_name);
        target->cluster_name = g_strdup(found->instance.cluster_name);
    }
    return 0;
}

/* An earlier daemon asked for it: whether that has come about nobody knows, and the record may be
 * gone. Servers take it twice. */
static struct line_op *drop_again(struct service *service, struct told told)
{
    struct line_op *op = op_new(service, &told.again->instance, told);
    op->change = registered_drop(service, told.asker, &op->instance, change_done, op);
    return op;
}

static struct line_op *begin_deregister(struct service *service, const char *text, gsize length,
                                        struct told told, int *error)
{
    g_autofree char *own_ip = own_ip_for(service->fs, text, length);
    g_autofree char *why = NULL;
    g_auto(instance) target = {0};
    gboolean has_cluster;
    if (!parse_target(text, length, own_ip, &target, &has_cluster, &why)) {
        *error = error_note(service->fs, EINVAL, service->path, why);
        return NULL;
    }
    if (!has_cluster)
        *error = find_cluster(service, &target);
    return *error ? NULL : drop(service, &target, !has_cluster, told, error);
}

/* --- hosts/ -------------------------------------------------------------------------------- */

static struct line_op *in_hosts(struct line_op *op)
{
    if (op)
        op->in_hosts = TRUE;
    return op;
}

/* Another's instance, changed by an administrator. */
static struct line_op *update(struct service *service, const struct instance *instance,
                              struct told told)
{
    struct line_op *op = op_new(service, instance, told);
    op->change = registered_update(service, told.asker, &op->instance, change_done, op);
    return op;
}

/* A write to hosts/NAME starts from our own record, from the defaults of a created name, or, with
 * -o admin, from what the server lists. */
static struct line_op *begin_attributes(const struct handle *handle, const char *text, gsize length,
                                        struct told told, int *error)
{
    struct service *service = service_get(handle->fs, handle->service);
    const struct host *host = hosts_find(&service->hosts, handle->host);
    const struct registered *own = host ? registered_find(service, &host->record) : NULL;
    gboolean foreign = host && !own && !host->created;
    g_auto(instance) record = {0};
    g_autofree char *why = NULL;
    if (!host)
        *error = error_note(handle->fs, ENOENT, service->path, "the instance is gone");
    else if (foreign && !handle->fs->options->admin)
        *error = error_note(handle->fs, EPERM, service->path, NOT_OURS);
    if (*error)
        return NULL;
    instance_copy(&record, own ? &own->instance : &host->record);
    if (!parse_attributes(text, length, &record, &why)) {
        *error = error_note(handle->fs, EINVAL, service->path, why);
        return NULL;
    }
    return in_hosts(foreign ? update(service, &record, told)
                            : put(service, &record, own ? own->lease : 0, told));
}

struct line_op *line_begin(const struct handle *handle, const char *text, gsize length,
                           struct told told, int *error)
{
    struct service *service = service_get(handle->fs, handle->service);
    *error = 0;
    if (parse_is_blank(text, length))
        return NULL;
    if (handle->host)
        return begin_attributes(handle, text, length, told, error);
    if (told.again && told.again->kind == JOURNAL_DROP)
        return drop_again(service, told);
    if (handle->line == LINE_DEREGISTER)
        return begin_deregister(service, text, length, told, error);
    return begin_register(handle, text, length, told, error);
}

struct line_op *line_begin_defaults(const struct handle *handle, struct told told)
{
    struct service *service = service_get(handle->fs, handle->service);
    const struct host *host = hosts_find(&service->hosts, handle->host);
    return host && host->created ? in_hosts(put(service, &host->record, 0, told)) : NULL;
}

struct line_op *line_begin_remove(struct service *service, const char *name, struct told told,
                                  int *error)
{
    const struct host *host = hosts_find(&service->hosts, name);
    *error = host ? 0 : ENOENT;
    if (told.again)
        return in_hosts(drop_again(service, told));
    return host ? in_hosts(drop(service, &host->record, FALSE, told, error)) : NULL;
}
