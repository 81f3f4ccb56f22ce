/* SPDX-License-Identifier: MIT */
#include "fs/dotfiles.h"

#include "fs/address.h"
#include "fs/client.h"
#include "fs/error_log.h"
#include "fs/registered.h"
#include "fs/render.h"
#include "fs/service.h"
#include "fs/state.h"
#include "fs/tree.h"

#include <unistd.h>

/* Milliseconds since a monotonic time; -1 for never. */
static gint64 age_ms(gint64 at)
{
    return at ? (g_get_monotonic_time() - at) / 1000 : -1;
}

/* One field a line: status is read by people. */
static void line_int(GString *out, const char *key, gint64 value)
{
    render_field_int(out, key, value);
    g_string_append_c(out, '\n');
}

static void line_text(GString *out, const char *key, const char *value)
{
    render_field(out, key, value);
    g_string_append_c(out, '\n');
}

GBytes *dotfile_status(struct fs *fs, struct service *service, int *error)
{
    GString *out = g_string_new(NULL);
    struct naming_stats stats;
    naming_stats(fs->naming, &stats);
    line_text(out, "source", fs->options->source);
    line_text(out, "servers", client_source(fs->client));
    line_text(out, "server_status", stats.server_up ? "UP" : "DOWN");
    line_text(out, "namespace", fs->options->namespace_id);
    line_text(out, "mountpoint", fs->options->mountpoint);
    const struct state_shared *shared = state_shared(fs->state);
    line_int(out, "pid", getpid());
    line_int(out, "keeper_pid", (gint64)shared->keeper_pid);
    if (*shared->address) /* 0 while it is being started again */
        line_int(out, "registry_pid", (gint64)shared->registry_pid);
    line_int(out, "restarts", (gint64)shared->restarts);
    line_int(out, "uptime_ms", age_ms(fs->started));
    line_int(out, "groups", slots_count(fs->groups));
    line_int(out, "services", slots_count(fs->services));
    line_int(out, "subscribed", stats.subscribed);
    line_int(out, "registered", slots_count(fs->registrations));
    line_int(out, "beating", stats.beating);
    line_text(out, "push", stats.udp_port ? "udp" : "off");
    line_int(out, "udp_port", stats.udp_port);
    line_int(out, "polls", (gint64)stats.polls);
    line_int(out, "pushes_accepted", (gint64)stats.pushes_accepted);
    line_int(out, "pushes_refused", (gint64)stats.pushes_refused);
    line_int(out, "requests_in_flight", stats.requests_in_flight);
    line_int(out, "parked", fs->parked.length);
    line_int(out, "open_files", slots_count(fs->handles));
    line_int(out, "nodes", tree_count(fs->tree));
    line_int(out, "announcements_waiting", mirror_backlog(fs->mirror));
    return g_string_free_to_bytes(out);
}

static const char *server_word(const struct naming_server_state *state)
{
    if (state->bad)
        return "bad";
    return state->last_ok ? "ok" : "untried";
}

GBytes *dotfile_servers(struct fs *fs, struct service *service, int *error)
{
    GString *out = g_string_new(NULL);
    guint n = naming_servers(fs->naming, NULL, 0);
    g_autofree struct naming_server_state *states = g_new0(struct naming_server_state, n);
    naming_servers(fs->naming, states, n);
    for (guint i = 0; i < n; i++) {
        const struct naming_server_state *state = &states[i];
        render_field(out, "server", state->url);
        render_field(out, "state", server_word(state));
        render_field(out, "current", state->current ? "true" : "false");
        render_field_int(out, "requests", (gint64)state->requests);
        render_field_int(out, "failures", (gint64)state->failures);
        render_field_int(out, "last_ok_ms", age_ms(state->last_ok));
        render_field_int(out, "last_failure_ms", age_ms(state->last_failure));
        render_field_int(out, "latency_us", state->latency_us);
        render_field(out, "error", state->last_error);
        g_string_append_c(out, '\n');
    }
    return g_string_free_to_bytes(out);
}

static void render_registered(GString *out, struct fs *fs, const struct registered *own)
{
    const struct service *service = service_get(fs, own->service);
    struct naming_beat_state beat = {0};
    GString *address = g_string_new(NULL);
    naming_beat_state(fs->naming, &service->key, &own->instance, &beat);
    address_format(address, &own->instance);
    render_field(out, "service", service->path);
    render_field(out, "address", address->str);
    render_field(out, "cluster", own->instance.cluster_name);
    render_field(out, "ephemeral", own->instance.ephemeral ? "true" : "false");
    render_field_int(out, "since", own->since_ms);
    render_field_int(out, "period_ms", beat.period_ms);
    render_field_int(out, "last_beat_ms", age_ms(beat.last_beat));
    render_field_int(out, "beats", (gint64)beat.beats);
    render_field_int(out, "failures", (gint64)beat.failures);
    render_field_int(out, "registered_again", (gint64)beat.reregistered);
    if (own->lease)
        render_field(out, "lease", "true");
    if (own->ending)
        render_field(out, "ending", "true");
    g_string_append_c(out, '\n');
    g_string_free(address, TRUE);
}

GBytes *dotfile_registered(struct fs *fs, struct service *service, int *error)
{
    GString *out = g_string_new(NULL);
    for (guint i = 1; i <= slots_high(fs->registrations); i++) {
        const struct registered *own = slots_at(fs->registrations, i);
        if (own)
            render_registered(out, fs, own);
    }
    return g_string_free_to_bytes(out);
}

GBytes *dotfile_errors(struct fs *fs, struct service *service, int *error)
{
    return error_log_render(fs->errors);
}

static void render_option(const char *name, const char *value, gpointer user_data)
{
    line_text(user_data, name, value);
}

GBytes *dotfile_options(struct fs *fs, struct service *service, int *error)
{
    GString *out = g_string_new(NULL);
    mount_options_foreach(fs->options, render_option, out);
    return g_string_free_to_bytes(out);
}

GBytes *dotfile_version(struct fs *fs, struct service *service, int *error)
{
    GString *out = g_string_new(NULL);
    line_text(out, "nacosfs", NACOSFS_VERSION);
    line_text(out, "libfuse", fs->libfuse_version);
    line_text(out, "fuse_protocol", fs->protocol);
    return g_string_free_to_bytes(out);
}
