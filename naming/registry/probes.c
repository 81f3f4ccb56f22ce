/* SPDX-License-Identifier: MIT */
#include "naming/registry/probes.h"

#include "naming/registry/alarm.h"
#include "naming/registry/probe.h"

#include <unistd.h>

struct probes {
    GMainContext *context; /* borrowed; NULL = the default one */
    struct store *store;
    struct probe_policy *policy;
    probes_changed_fn changed;
    gpointer user_data;
    GSource *alarm;
    GHashTable *in_flight; /* a set of struct probe, owned */
    struct probes_figures figures;
    gboolean told; /* that there are instances that may not be probed */
};

static const struct prober *const probers[] = {
    [CHECKER_TCP] = &probe_tcp,
    [CHECKER_HTTP] = &probe_http,
    [CHECKER_MYSQL] = &probe_mysql,
    [CHECKER_NONE] = NULL,
};

/* GLib counts and frees it as the GSource that it begins with. */
struct probe_source {
    GSource source;
    struct probe *probe; /* borrowed */
};

static void probe_free(gpointer data)
{
    struct probe *probe = data;
    if (probe->check)
        probe->check->probe = NULL;
    if (probe->source) {
        g_source_destroy(probe->source);
        g_source_unref(probe->source);
    }
    if (probe->prober->clear)
        probe->prober->clear(probe);
    if (probe->fd >= 0)
        close(probe->fd);
    g_free(probe);
}

static void finish(struct probe *probe)
{
    struct probes *probes = probe->probes;
    struct check *check = probe->check;
    struct probe_result result = probe->result;
    struct store_change change = {0};
    probes->figures.done++;
    probes->figures.failed += result.verdict != PROBE_OK;
    g_hash_table_remove(probes->in_flight, probe);
    if (check)
        check_result(probes->store, check, &result, g_get_monotonic_time(), &change);
    if (change.kind != STORE_UNCHANGED)
        probes->changed(&change, probes->user_data);
}

static gboolean probe_dispatch(GSource *source, GSourceFunc unused, gpointer data)
{
    struct probe *probe = ((struct probe_source *)source)->probe;
    struct probes *probes = probe->probes;
    GIOCondition condition = probe->tag ? g_source_query_unix_fd(source, probe->tag) : 0;
    int fd = probe->fd;
    if (condition)
        probe->prober->ready(probe, condition);
    else if (g_source_get_time(source) >= probe->deadline)
        probe->prober->late(probe);
    if (probe->ended) {
        finish(probe);
        probes_schedule(probes);
        return G_SOURCE_REMOVE;
    }
    if (probe->fd != fd) {
        g_source_remove_unix_fd(source, probe->tag);
        probe->tag = g_source_add_unix_fd(source, probe->fd, probe->condition);
    } else {
        g_source_modify_unix_fd(source, probe->tag, probe->condition);
    }
    g_source_set_ready_time(source, probe->deadline);
    return G_SOURCE_CONTINUE;
}

static void wait_for(struct probe *probe)
{
    static const GSourceFuncs functions = {.dispatch = probe_dispatch};
    probe->source = g_source_new((GSourceFuncs *)&functions, sizeof(struct probe_source));
    ((struct probe_source *)probe->source)->probe = probe;
    probe->tag = g_source_add_unix_fd(probe->source, probe->fd, probe->condition);
    g_source_set_ready_time(probe->source, probe->deadline);
    g_source_attach(probe->source, probe->probes->context);
}

/* Nobody but the log hears why an instance keeps the health it was registered with. */
static void tell_barred(struct probes *probes, const struct store_instance *instance)
{
    if (!probes->told)
        g_message("%s:%d and its like are not probed: no numeric address that --probe-allow names",
                  instance->ip, instance->port);
    probes->told = TRUE;
}

static const struct prober *prober_of(const struct store_instance *instance)
{
    return probers[store_cluster(instance->service, instance->cluster)->checker.type];
}

/* Where its probes go; MySQL's always to the instance's port. FALSE if they may not. */
static gboolean set_target(struct probe *probe, const struct store_cluster *cluster)
{
    const struct store_instance *instance = probe->check->instance;
    gboolean own = cluster->use_instance_port || cluster->checker.type == CHECKER_MYSQL;
    gint port = own ? instance->port : cluster->check_port;
    g_autoptr(GInetAddress) address = probe_policy_address(probe->probes->policy, instance->ip);
    if (!address)
        return FALSE;
    g_autoptr(GSocketAddress) target = g_inet_socket_address_new(address, port);
    probe->target_length = g_socket_address_get_native_size(target);
    return g_socket_address_to_native(target, &probe->target, sizeof(probe->target), NULL);
}

static void start(struct probes *probes, struct check *check, gint64 now)
{
    struct store_instance *instance = check->instance;
    const struct store_cluster *cluster = store_cluster(instance->service, instance->cluster);
    const struct prober *prober = probers[cluster->checker.type];
    struct probe *probe = g_new0(struct probe, 1);
    *probe = (struct probe){.check = check,
                            .prober = prober,
                            .checker = &cluster->checker,
                            .probes = probes,
                            .started = now,
                            .fd = -1};
    if (!set_target(probe, cluster)) {
        tell_barred(probes, instance);
        check_skip(probes->store, check, now);
        g_free(probe);
        return;
    }
    timeline_clear(&check->due);
    check->probe = probe;
    g_hash_table_add(probes->in_flight, probe);
    probes->figures.most = MAX(probes->figures.most, g_hash_table_size(probes->in_flight));
    prober->start(probe);
    if (probe->ended)
        finish(probe);
    else
        wait_for(probe);
}

/* A probe that ends at once leaves room for another, so the number of turns is limited, too. */
static void run_due(gpointer user_data)
{
    struct probes *probes = user_data;
    gint64 now = g_get_monotonic_time();
    struct check *check;
    for (guint turn = 0; turn < PROBES_MAX && probes->figures.enabled &&
                         g_hash_table_size(probes->in_flight) < PROBES_MAX &&
                         (check = timeline_due(probes->store->checks, now));
         turn++) {
        if (prober_of(check->instance))
            start(probes, check, now);
        else
            check_skip(probes->store, check, now);
    }
    probes_schedule(probes);
}

struct probes *probes_new(GMainContext *context, struct store *store, struct probe_policy *policy,
                          probes_changed_fn changed, gpointer user_data)
{
    struct probes *probes = g_new0(struct probes, 1);
    probes->context = context;
    probes->store = store;
    probes->policy = policy;
    probes->changed = changed;
    probes->user_data = user_data;
    probes->figures.enabled = TRUE;
    probes->in_flight = g_hash_table_new_full(NULL, NULL, probe_free, NULL);
    probes->alarm = alarm_new(context, run_due, probes);
    return probes;
}

void probes_free(struct probes *probes)
{
    if (!probes)
        return;
    alarm_free(probes->alarm);
    g_hash_table_unref(probes->in_flight);
    probe_policy_free(probes->policy);
    g_free(probes);
}

void probes_schedule(struct probes *probes)
{
    gboolean room = probes->figures.enabled && g_hash_table_size(probes->in_flight) < PROBES_MAX;
    alarm_set(probes->alarm, room ? timeline_next(probes->store->checks) : TIMELINE_NEVER);
}

void probes_enable(struct probes *probes, gboolean enabled)
{
    probes->figures.enabled = enabled;
    probes_schedule(probes);
}

gboolean probes_cover(const struct probes *probes, const struct store_instance *instance)
{
    g_autoptr(GInetAddress) address =
        instance->ephemeral ? NULL : probe_policy_address(probes->policy, instance->ip);
    return address && prober_of(instance);
}

struct probes_figures probes_figures(const struct probes *probes)
{
    struct probes_figures figures = probes->figures;
    figures.in_flight = g_hash_table_size(probes->in_flight);
    return figures;
}
