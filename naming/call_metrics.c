/* SPDX-License-Identifier: MIT */
#include "naming/call_metrics.h"

const double naming_latency_bounds[NAMING_LATENCY_BUCKETS] = {0.001, 0.005, 0.02, 0.1, 0.5, 1, 3};

static const char *const kind_names[NAMING_CALL_KINDS] = {
    [NAMING_CALL_REGISTER] = "register", [NAMING_CALL_DEREGISTER] = "deregister",
    [NAMING_CALL_UPDATE] = "update",     [NAMING_CALL_BEAT] = "beat",
    [NAMING_CALL_LIST] = "list",         [NAMING_CALL_SERVICES] = "services",
    [NAMING_CALL_GROUPS] = "groups",     [NAMING_CALL_LOGIN] = "login",
    [NAMING_CALL_PROBE] = "probe",
};

struct server_metrics {
    char *server;
    struct naming_call_metrics calls[NAMING_CALL_KINDS];
};

struct call_metrics {
    GPtrArray *servers; /* struct server_metrics, few: the last found is most likely the next */
    guint last;
};

static void server_metrics_free(gpointer data)
{
    struct server_metrics *server = data;
    g_free(server->server);
    g_free(server);
}

struct call_metrics *call_metrics_new(void)
{
    struct call_metrics *metrics = g_new0(struct call_metrics, 1);
    metrics->servers = g_ptr_array_new_with_free_func(server_metrics_free);
    return metrics;
}

void call_metrics_free(struct call_metrics *metrics)
{
    g_ptr_array_unref(metrics->servers);
    g_free(metrics);
}

static struct naming_call_metrics *find(struct call_metrics *metrics, const char *name,
                                        enum naming_call_kind kind)
{
    struct server_metrics *server;
    for (guint i = 0; i < metrics->servers->len; i++) {
        guint index = (metrics->last + i) % metrics->servers->len;
        server = metrics->servers->pdata[index];
        if (g_str_equal(server->server, name)) {
            metrics->last = index;
            return &server->calls[kind];
        }
    }
    server = g_new0(struct server_metrics, 1);
    server->server = g_strdup(name);
    for (guint i = 0; i < NAMING_CALL_KINDS; i++) {
        server->calls[i].server = server->server;
        server->calls[i].call = kind_names[i];
    }
    g_ptr_array_add(metrics->servers, server);
    return &server->calls[kind];
}

void call_metrics_asked(struct call_metrics *metrics, const char *server,
                        enum naming_call_kind kind)
{
    find(metrics, server, kind)->requests++;
}

void call_metrics_ended(struct call_metrics *metrics, const char *server,
                        enum naming_call_kind kind, gboolean failed, gint64 latency_us)
{
    struct naming_call_metrics *row = find(metrics, server, kind);
    double seconds = (double)latency_us / G_USEC_PER_SEC;
    row->failures += failed != FALSE;
    if (latency_us < 0)
        return;
    row->answers++;
    row->latency_sum += seconds;
    for (guint i = 0; i < NAMING_LATENCY_BUCKETS; i++)
        row->latency[i] += seconds <= naming_latency_bounds[i];
}

guint call_metrics_rows(const struct call_metrics *metrics, struct naming_call_metrics *rows,
                        guint room)
{
    guint n = 0;
    for (guint i = 0; i < metrics->servers->len; i++) {
        const struct server_metrics *server = metrics->servers->pdata[i];
        for (guint kind = 0; kind < NAMING_CALL_KINDS; kind++) {
            if (server->calls[kind].requests == 0)
                continue;
            if (n < room)
                rows[n] = server->calls[kind];
            n++;
        }
    }
    return n;
}
