/* SPDX-License-Identifier: MIT */
#include "fs/dotfiles_metrics.h"

#include "fs/freshness.h"
#include "fs/render.h"

#include <string.h>

/* --- the text format ----------------------------------------------------------------------- */

static void head(GString *out, const char *name, const char *type, const char *help)
{
    g_string_append_printf(out, "# HELP nacosfs_%s %s\n# TYPE nacosfs_%s %s\n", name, help, name,
                           type);
}

static void number(GString *out, const char *name, guint64 value)
{
    g_string_append_printf(out, "nacosfs_%s %" G_GUINT64_FORMAT "\n", name, value);
}

/* Seconds and bounds: a point whatever the locale says, and no more digits than it takes. */
static void append_double(GString *out, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append(out, g_ascii_formatd(text, sizeof text, "%.9g", value));
}

/* --- calls --------------------------------------------------------------------------------- */

/* Host names of servers have no byte that would want escaping (naming_parse_source). */
static void labels(GString *out, const char *name, const struct naming_call_metrics *row)
{
    g_string_append_printf(out, "nacosfs_%s{server=\"%s\",call=\"%s\"", name, row->server,
                           row->call);
}

static void counter(GString *out, const char *name, const struct naming_call_metrics *row,
                    guint64 value)
{
    labels(out, name, row);
    g_string_append_printf(out, "} %" G_GUINT64_FORMAT "\n", value);
}

static void histogram(GString *out, const struct naming_call_metrics *row)
{
    for (guint i = 0; i < NAMING_LATENCY_BUCKETS; i++) {
        labels(out, "request_seconds_bucket", row);
        g_string_append(out, ",le=\"");
        append_double(out, naming_latency_bounds[i]);
        g_string_append_printf(out, "\"} %" G_GUINT64_FORMAT "\n", row->latency[i]);
    }
    labels(out, "request_seconds_bucket", row);
    g_string_append_printf(out, ",le=\"+Inf\"} %" G_GUINT64_FORMAT "\n", row->answers);
    labels(out, "request_seconds_sum", row);
    g_string_append(out, "} ");
    append_double(out, row->latency_sum);
    g_string_append_c(out, '\n');
    counter(out, "request_seconds_count", row, row->answers);
}

static void calls(GString *out, struct naming *naming)
{
    guint n = naming_call_metrics(naming, NULL, 0);
    g_autofree struct naming_call_metrics *rows = g_new0(struct naming_call_metrics, n);
    naming_call_metrics(naming, rows, n);
    head(out, "requests_total", "counter", "Requests by server and call.");
    for (guint i = 0; i < n; i++)
        counter(out, "requests_total", &rows[i], rows[i].requests);
    head(out, "request_failures_total", "counter", "Those without the answer they were made for.");
    for (guint i = 0; i < n; i++)
        counter(out, "request_failures_total", &rows[i], rows[i].failures);
    head(out, "request_seconds", "histogram", "Latency of those that were answered.");
    for (guint i = 0; i < n; i++)
        histogram(out, &rows[i]);
}

/* --- servers, pushes, and what is a number ------------------------------------------------- */

static void servers(GString *out, struct naming *naming)
{
    guint n = naming_servers(naming, NULL, 0);
    g_autofree struct naming_server_state *states = g_new0(struct naming_server_state, n);
    naming_servers(naming, states, n);
    head(out, "server_up", "gauge", "1 unless the last request to it failed.");
    for (guint i = 0; i < n; i++) {
        const char *server = strstr(states[i].url, "://") + 3;
        g_string_append_printf(out, "nacosfs_server_up{server=\"%.*s\"} %d\n",
                               (int)strcspn(server, "/"), server, !states[i].bad);
    }
}

static void pushes(GString *out, const struct naming_stats *stats)
{
    head(out, "pushes_accepted_total", "counter", "Pushes that were taken.");
    number(out, "pushes_accepted_total", stats->pushes_accepted);
    head(out, "pushes_refused_total", "counter", "Pushes that were not, by reason.");
    for (guint i = 0; i < NAMING_PUSH_REASONS; i++)
        g_string_append_printf(
            out, "nacosfs_pushes_refused_total{reason=\"%s\"} %" G_GUINT64_FORMAT "\n",
            naming_push_reasons[i], stats->pushes_refused_by[i]);
}

/* Instances in the lists that are kept fresh. */
static guint64 listed(struct fs *fs)
{
    guint64 n = 0;
    for (guint i = 1; i <= slots_high(fs->services); i++) {
        struct service *service = slots_at(fs->services, i);
        const struct service_info *info =
            service && service->subscribed ? naming_current(fs->naming, &service->key) : NULL;
        n += info ? info->n_hosts : 0;
    }
    return n;
}

static void numbers(GString *out, struct fs *fs, const struct naming_stats *stats)
{
    const struct naming_beat_counts *beats = &stats->beats;
    const struct {
        const char *name, *type, *help;
        guint64 value;
    } rows[] = {
        {"beats_sent_total", "counter", "Heartbeats sent.", beats->sent},
        {"beats_answered_total", "counter", "Heartbeats answered.", beats->answered},
        {"beats_failed_total", "counter", "Heartbeats refused or not answered.", beats->failed},
        {"beats_lost_total", "counter", "Heartbeats of instances that the server had lost.",
         beats->lost},
        {"beats_late_total", "counter", "Heartbeats answered over 2 s late.", beats->late},
        {"beating", "gauge", "Instances kept alive by heartbeats.", stats->beating},
        {"registered", "gauge", "Instances that this mount keeps.", slots_count(fs->registrations)},
        {"push_up", "gauge", "1 if servers are asked for pushes.", stats->udp_port != 0},
        {"polls_total", "counter", "List requests of services that are kept fresh.", stats->polls},
        {"hosts_dropped_total", "counter", "Senseless hosts left out of lists.",
         stats->hosts_dropped},
        {"subscribed", "gauge", "Services kept fresh.", stats->subscribed},
        {"services", "gauge", "Services known.", slots_count(fs->services)},
        {"instances", "gauge", "Instances in the lists kept fresh.", listed(fs)},
        {"groups", "gauge", "Groups known.", slots_count(fs->groups)},
        {"requests_in_flight", "gauge", "Requests under way.", stats->requests_in_flight},
        {"parked_requests", "gauge", "Operations of users that wait.", fs->parked.length},
        {"open_files", "gauge", "Open files.", slots_count(fs->handles)},
        {"announcements_waiting", "gauge", "Announcements that the helpers have still to make.",
         mirror_backlog(fs->mirror)},
        {"uptime_seconds", "gauge", "Seconds since the start.",
         (guint64)(g_get_monotonic_time() - fs->started) / G_USEC_PER_SEC},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        head(out, rows[i].name, rows[i].type, rows[i].help);
        number(out, rows[i].name, rows[i].value);
    }
}

GBytes *dotfile_metrics(struct fs *fs, struct service *service, int *error)
{
    GString *out = g_string_new(NULL);
    struct naming_stats stats;
    naming_stats(fs->naming, &stats);
    numbers(out, fs, &stats);
    pushes(out, &stats);
    servers(out, fs->naming);
    calls(out, fs->naming);
    return g_string_free_to_bytes(out);
}

/* --- subscriptions ------------------------------------------------------------------------- */

static void render_subscription(GString *out, const struct service *service)
{
    const struct service_info *info = service->list;
    struct naming_freshness fresh = {.source = "none"};
    gboolean held = freshness_of(service, &fresh);
    render_field(out, "service", service->path);
    render_field_int(out, "instances", info ? (gint64)info->n_hosts : -1);
    render_field(out, "source", fresh.source);
    render_field_int(out, "age_ms", held ? (g_get_monotonic_time() - fresh.confirmed) / 1000 : -1);
    render_field(out, "stale", fresh.stale ? "true" : "false");
    render_field_int(out, "cache_ms", info ? info->cache_millis : -1);
    g_string_append_c(out, '\n');
}

GBytes *dotfile_subscriptions(struct fs *fs, struct service *service, int *error)
{
    GString *out = g_string_new(NULL);
    for (guint i = 1; i <= slots_high(fs->services); i++) {
        const struct service *one = slots_at(fs->services, i);
        if (one && one->subscribed)
            render_subscription(out, one);
    }
    return g_string_free_to_bytes(out);
}
