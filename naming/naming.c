/* SPDX-License-Identifier: MIT */
#include "naming/naming.h"

#include "naming/beat_reactor.h"
#include "naming/files.h"
#include "naming/host_reactor.h"
#include "naming/naming_config.h"
#include "naming/push_receiver.h"

#include <errno.h>
#include <string.h>

struct naming {
    struct timers *timers;
    struct naming_proxy *proxy;
    struct beat_reactor *beats;
    struct host_reactor *hosts;
    struct push_receiver *push; /* NULL = polls only */
    struct files files;
    struct naming_listener listener;
    gpointer user_data;
    char *no_push; /* why there is no push though it was wanted; told once */
    struct timer no_push_timer;
};

static void naming_on_no_push(gpointer user_data)
{
    struct naming *naming = user_data;
    const struct trouble trouble = {naming->listener.trouble, naming->user_data};
    const struct naming_result result = {NAMING_UNREACHABLE, "", naming->no_push};

    trouble_report(&trouble, NULL, &result);
}

/* Without push there are still the polls, so a port that cannot be had is told of and no more. */
static void naming_start_push(struct naming *naming, const struct naming_config *config)
{
    const struct push_receiver_config push = {
        .proxy = naming->proxy,
        .timers = naming->timers,
        .port = config->udp_port,
        .trouble = {naming->listener.trouble, naming->user_data},
    };
    g_autofree char *why = NULL;

    if (!config->push_udp)
        return;
    naming->push = push_receiver_new(&push, &why);
    if (naming->push != NULL)
        return;
    naming->no_push = g_strdup_printf("no pushes, lists are polled only: %s", why);
    timer_set(&naming->no_push_timer, 0);
}

static void naming_on_heard(const struct service_info *info, gint64 asked, gpointer user_data)
{
    struct naming *naming = user_data;

    beat_reactor_listed(naming->beats, info, asked);
}

/* The reactors know one user_data, so what goes to both ends of the client passes here. */
static void naming_on_changed(const struct service_key *key, struct service_info *old,
                              struct service_info *info, gpointer user_data)
{
    struct naming *naming = user_data;

    if (naming->listener.changed != NULL)
        naming->listener.changed(key, old, info, naming->user_data);
}

static void naming_on_switched(gpointer user_data)
{
    struct naming *naming = user_data;

    host_reactor_switched(naming->hosts);
}

static void naming_start_files(struct naming *naming, const struct naming_config *config)
{
    const struct files_config files = {
        .proxy = naming->proxy,
        .timers = naming->timers,
        .trouble = {naming->listener.trouble, naming->user_data},
        .switched = naming_on_switched,
        .user_data = naming,
    };

    files_open(&naming->files, &files, config);
}

static void naming_start_reactors(struct naming *naming, const struct naming_config *config)
{
    const struct trouble trouble = {naming->listener.trouble, naming->user_data};
    const struct beat_reactor_config beats = {
        .proxy = naming->proxy,
        .timers = naming->timers,
        .timeout_ms = config->timeout_ms,
        .trouble = trouble,
        .adopted = naming->listener.adopted,
        .beaten = naming->listener.beaten,
        .user_data = naming->user_data,
    };
    const struct host_reactor_config hosts = {
        .proxy = naming->proxy,
        .timers = naming->timers,
        .timeout_ms = config->timeout_ms,
        .clusters = config->clusters,
        .udp_port = naming->push == NULL ? 0 : push_receiver_port(naming->push),
        .heard = naming_on_heard,
        .changed = naming_on_changed,
        .user_data = naming,
        .trouble = trouble,
        .disk = naming->files.disk,
        .failover = naming->files.failover,
        .patience = &naming->files.patience,
        .load_at_start = config->load_cache_at_start,
        .empty_protection = config->empty_protection,
    };

    naming->beats = beat_reactor_new(&beats);
    naming->hosts = host_reactor_new(&hosts);
    if (naming->push != NULL)
        push_receiver_set_reactor(naming->push, naming->hosts);
}

struct naming *naming_new(const struct naming_config *config,
                          const struct naming_listener *listener, gpointer user_data, char **why)
{
    const char *reason = naming_config_refuses(config);
    g_autofree char *text = NULL;
    struct naming *naming = g_new0(struct naming, 1);
    const struct trouble trouble = {listener->trouble, user_data};

    naming->listener = *listener;
    naming->user_data = user_data;
    naming->timers = timers_new();
    timer_init(&naming->no_push_timer, naming->timers, naming_on_no_push, naming);
    if (reason != NULL)
        text = g_strdup(reason);
    else
        naming->proxy = naming_proxy_new(config, &trouble, &text);
    if (naming->proxy != NULL) {
        naming_start_push(naming, config);
        naming_start_files(naming, config);
        naming_start_reactors(naming, config);
        return naming;
    }
    naming_free(naming);
    if (why != NULL)
        *why = g_steal_pointer(&text);
    return NULL;
}

/* Also of one that naming_new gave up half-way. */
void naming_free(struct naming *naming)
{
    g_clear_pointer(&naming->push, push_receiver_free);
    g_clear_pointer(&naming->hosts, host_reactor_free);
    g_clear_pointer(&naming->beats, beat_reactor_free);
    files_close(&naming->files);
    g_clear_pointer(&naming->proxy, naming_proxy_free);
    timer_stop(&naming->no_push_timer);
    timers_free(naming->timers);
    g_free(naming->no_push);
    g_free(naming);
}

void naming_reload(struct naming *naming, const struct naming_credentials *credentials)
{
    naming_proxy_reload(naming->proxy, credentials);
}

/* --- our own instances --------------------------------------------------------------------------
 */

struct naming_call *naming_register(struct naming *naming, const struct service_key *key,
                                    const struct instance *instance, naming_done_fn done,
                                    gpointer user_data)
{
    return beat_reactor_register(naming->beats, key, instance, done, user_data);
}

struct naming_call *naming_deregister(struct naming *naming, const struct service_key *key,
                                      const struct instance *like, naming_done_fn done,
                                      gpointer user_data)
{
    return beat_reactor_deregister(naming->beats, key, like, done, user_data);
}

struct naming_call *naming_update(struct naming *naming, const struct service_key *key,
                                  const struct instance *instance, naming_done_fn done,
                                  gpointer user_data)
{
    return naming_proxy_update(naming->proxy, key, instance, done, user_data);
}

void naming_adopt(struct naming *naming, const struct service_key *key,
                  const struct instance *instance, gint64 due)
{
    beat_reactor_adopt(naming->beats, key, instance, due);
}

gboolean naming_beat_state(struct naming *naming, const struct service_key *key,
                           const struct instance *like, struct naming_beat_state *state)
{
    return beat_reactor_state(naming->beats, key, like, state);
}

char *naming_own_ip(struct naming *naming)
{
    return naming_proxy_own_ip(naming->proxy);
}

/* --- other people's instances -------------------------------------------------------------------
 */

void naming_subscribe(struct naming *naming, const struct service_key *key)
{
    host_reactor_subscribe(naming->hosts, key);
}

void naming_unsubscribe(struct naming *naming, const struct service_key *key)
{
    host_reactor_unsubscribe(naming->hosts, key);
}

void naming_hold(struct naming *naming, const struct service_key *key, struct service_info *info,
                 gint64 confirmed)
{
    host_reactor_hold(naming->hosts, key, info, confirmed);
}

struct service_info *naming_current(struct naming *naming, const struct service_key *key)
{
    return host_reactor_current(naming->hosts, key);
}

struct naming_call *naming_wait(struct naming *naming, const struct service_key *key,
                                naming_list_fn done, gpointer user_data)
{
    return host_reactor_wait(naming->hosts, key, done, user_data);
}

void naming_refresh(struct naming *naming, const struct service_key *key)
{
    host_reactor_refresh(naming->hosts, key);
}

struct naming_call *naming_list(struct naming *naming, const struct service_key *key,
                                naming_list_fn done, gpointer user_data)
{
    return fallbacks_list(naming->files.fallbacks, key, done, user_data);
}

gboolean naming_freshness(struct naming *naming, const struct service_key *key,
                          struct naming_freshness *freshness)
{
    return host_reactor_freshness(naming->hosts, key, freshness);
}

/* --- files -------------------------------------------------------------------------------------
 */

gboolean naming_failover(struct naming *naming)
{
    return naming->files.failover != NULL && failover_reactor_is_on(naming->files.failover);
}

int naming_set_failover(struct naming *naming, gboolean on)
{
    struct failover_reactor *failover = naming->files.failover;

    return failover == NULL ? ENOENT : failover_reactor_set(failover, on);
}

void naming_keep_file(struct naming *naming, const char *name, GBytes *content)
{
    if (naming->files.disk != NULL)
        disk_cache_put_own(naming->files.disk, name, content);
    else
        g_bytes_unref(content);
}

/* --- names, and for people ----------------------------------------------------------------------
 */

struct naming_call *naming_services(struct naming *naming, const char *group, naming_names_fn done,
                                    gpointer user_data)
{
    return fallbacks_services(naming->files.fallbacks, group, done, user_data);
}

struct naming_call *naming_group_count(struct naming *naming, const char *group,
                                       naming_count_fn done, gpointer user_data)
{
    return fallbacks_group_count(naming->files.fallbacks, group, done, user_data);
}

struct naming_call *naming_groups(struct naming *naming, naming_names_fn done, gpointer user_data)
{
    return fallbacks_groups(naming->files.fallbacks, done, user_data);
}

guint naming_servers(struct naming *naming, struct naming_server_state *states, guint room)
{
    return naming_proxy_servers(naming->proxy, states, room);
}

guint naming_call_metrics(struct naming *naming, struct naming_call_metrics *rows, guint room)
{
    return naming_proxy_call_metrics(naming->proxy, rows, room);
}

static gboolean naming_is_up(struct naming *naming)
{
    guint n = naming_servers(naming, NULL, 0);
    g_autofree struct naming_server_state *states = g_new0(struct naming_server_state, n);

    naming_servers(naming, states, n);
    for (guint i = 0; i < n; i++)
        if (states[i].current)
            return !states[i].bad && states[i].last_ok > 0;
    return FALSE;
}

void naming_stats(struct naming *naming, struct naming_stats *stats)
{
    struct push_counts counts = {0};

    if (naming->push != NULL)
        push_receiver_counts(naming->push, &counts);
    *stats = (struct naming_stats){
        .subscribed = host_reactor_count(naming->hosts),
        .beating = beat_reactor_count(naming->beats),
        .requests_in_flight = naming_proxy_in_flight(naming->proxy),
        .udp_port = naming->push == NULL ? 0 : push_receiver_port(naming->push),
        .polls = host_reactor_polls(naming->hosts),
        .pushes_accepted = counts.accepted,
        .pushes_refused = counts.refused,
        .hosts_dropped = naming_proxy_hosts_dropped(naming->proxy),
        .server_up = naming_is_up(naming),
    };
    memcpy(stats->pushes_refused_by, counts.refused_by, sizeof counts.refused_by);
    beat_reactor_counts(naming->beats, &stats->beats);
}
