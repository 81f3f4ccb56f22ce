/* SPDX-License-Identifier: MIT */
#include "fs/daemon.h"

#include "fs/error.h"
#include "fs/error_log.h"
#include "fs/events.h"
#include "fs/group.h"
#include "fs/handle.h"
#include "fs/interest.h"
#include "fs/ops.h"
#include "fs/registered.h"
#include "fs/service.h"
#include "fs/session.h"
#include "fs/standalone.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define HELPERS 3
#define GOODBYE_MS 2500 /* for deregistering at the end; the exit follows within 3 s */
#define GOODBYE_TURN_MS 20

struct daemon {
    const struct daemon_config *config;
    struct fs fs;
    GMainLoop *loop;
    int signals; /* signalfd */
    guint signal_source;
    gint64 goodbye;   /* monotonic us of the end; 0 = not ending */
    gboolean dropped; /* all that had to be deregistered is answered for */
    int status;
};

/* --- what the client tells ----------------------------------------------------------------- */

static void changed(const struct service_key *key, struct service_info *old,
                    struct service_info *info, gpointer user_data)
{
    struct daemon *daemon = user_data;
    struct service *service = service_of_key(&daemon->fs, key);
    if (service && service->subscribed)
        service_take_list(service, info, G_MAXINT64);
}

static void trouble(const char *path, const struct naming_result *result, gpointer user_data)
{
    struct daemon *daemon = user_data;
    error_report(&daemon->fs, result, path);
}

static void adopted(const struct service_key *key, const struct instance *instance,
                    gpointer user_data)
{
    struct daemon *daemon = user_data;
    struct service *service = service_of_key(&daemon->fs, key);
    if (service)
        registered_adopt(service, instance);
}

static void node_gone(const struct node *node, gpointer user_data)
{
    interest_node_gone(user_data, node);
}

/* --- the end ------------------------------------------------------------------------------- */

static gboolean goodbye_turn(gpointer user_data)
{
    struct daemon *daemon = user_data;
    struct naming_stats stats;
    naming_stats(daemon->fs.naming, &stats);
    gboolean undone = !daemon->fs.undoing || stats.requests_in_flight == 0;
    if (!(daemon->dropped && undone) && g_get_monotonic_time() < daemon->goodbye)
        return G_SOURCE_CONTINUE;
    g_main_loop_quit(daemon->loop);
    return G_SOURCE_REMOVE;
}

static void all_dropped(gpointer user_data, int error)
{
    struct daemon *daemon = user_data;
    daemon->dropped = TRUE;
}

/* Every ephemeral instance is deregistered, what waits is answered, and then the loop ends. */
static void say_goodbye(struct daemon *daemon)
{
    if (daemon->goodbye)
        return;
    daemon->goodbye = g_get_monotonic_time() + GOODBYE_MS * 1000;
    daemon->fs.closing = TRUE;
    parked_end_all(&daemon->fs, EINTR);
    registered_drop_all(&daemon->fs, all_dropped, daemon);
    g_timeout_add(GOODBYE_TURN_MS, goodbye_turn, daemon);
}

/* Session callbacks get what requests get: the fs within the daemon. */
static void unmounted(gpointer user_data)
{
    char *fs = user_data;
    g_message("unmounted");
    say_goodbye((gpointer)(fs - G_STRUCT_OFFSET(struct daemon, fs)));
}

static gboolean signalled(gint fd, GIOCondition condition, gpointer user_data)
{
    struct daemon *daemon = user_data;
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof info) != sizeof info || info.ssi_signo == SIGHUP)
        return G_SOURCE_CONTINUE;
    g_message("%s", g_strsignal((int)info.ssi_signo));
    if (daemon->goodbye) { /* asked twice: now */
        daemon->status = 1;
        g_main_loop_quit(daemon->loop);
    }
    say_goodbye(daemon);
    return G_SOURCE_CONTINUE;
}

/* --- building ------------------------------------------------------------------------------ */

static gboolean open_signals(struct daemon *daemon)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    daemon->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (daemon->signals >= 0)
        daemon->signal_source = g_unix_fd_add(daemon->signals, G_IO_IN, signalled, daemon);
    return daemon->signals >= 0;
}

static gboolean open_registry(struct daemon *daemon, char **why)
{
    const struct mount_options *options = daemon->config->options;
    if (strcmp(options->source, "standalone") != 0)
        return TRUE;
    const struct standalone_config config = {.listen = options->listen,
                                             .mountpoint = options->mountpoint};
    daemon->fs.registry = standalone_new(&config, why);
    return daemon->fs.registry != NULL;
}

static gboolean open_naming(struct daemon *daemon, char **why)
{
    const struct mount_options *options = daemon->config->options;
    struct fs *fs = &daemon->fs;
    const char *source = fs->registry ? standalone_address(fs->registry) : options->source;
    g_auto(GStrv) servers = naming_parse_source(source, why);
    if (!servers)
        return FALSE;
    const struct naming_config config = {
        .servers = (const char *const *)servers,
        .namespace_id = options->namespace_id,
        .clusters = options->clusters,
        .timeout_ms = options->timeout_s * 1000,
        .connect_timeout_ms = options->connect_timeout_s * 1000,
        .retries = options->retries,
        .push_udp = options->push_udp,
        .udp_port = (guint16)options->udp_port,
        .max_response = options->max_response,
        .own_ip = options->ip,
    };
    const struct naming_listener listener = {
        .changed = changed, .trouble = trouble, .adopted = adopted};
    fs->servers = g_strjoinv(",", servers);
    fs->naming = naming_new(&config, &listener, daemon, why);
    return fs->naming != NULL;
}

static void open_model(struct daemon *daemon)
{
    struct fs *fs = &daemon->fs;
    fs->options = daemon->config->options;
    fs->started = g_get_monotonic_time();
    fs->started_ns = service_next_mtime(0);
    fs->errors = error_log_new();
    fs->events = events_new();
    fs->tree = tree_new(node_gone, fs);
    fs->groups = slots_new(group_free);
    fs->services = slots_new(service_free);
    fs->registrations = slots_new(registered_free);
    fs->handles = slots_new(handle_free);
    g_queue_init(&fs->parked);
    g_queue_init(&fs->changes);
    root_init(fs);
}

static gboolean open_mount(struct daemon *daemon, char **why)
{
    const struct daemon_config *config = daemon->config;
    struct fs *fs = &daemon->fs;
    const char *mountpoint = config->options->mountpoint;
    const struct session_config session = {.fuse_args = config->fuse_args,
                                           .ops = ops_table(),
                                           .user_data = fs,
                                           .mountpoint = mountpoint,
                                           .ended = unmounted};
    const char *const helper[] = {config->program, "--mirror-helper", mountpoint, NULL};
    fs->session = session_new(&session, why);
    if (fs->session)
        fs->mirror = mirror_new(helper, HELPERS, mountpoint, why);
    if (fs->mirror)
        fs->interest = interest_new(fs);
    return fs->mirror != NULL;
}

/* In reverse; every part may be missing. */
static void close_all(struct daemon *daemon)
{
    struct fs *fs = &daemon->fs;
    parked_end_all(fs, EINTR);
    registered_end_all(fs);
    interest_free(fs->interest);
    slots_free(fs->handles);
    events_free(fs->events);
    slots_free(fs->services);
    slots_free(fs->registrations);
    slots_free(fs->groups);
    root_clear(fs);
    tree_free(fs->tree);
    if (fs->naming)
        naming_free(fs->naming);
    if (fs->mirror)
        mirror_free(fs->mirror);
    if (fs->session)
        session_free(fs->session);
    standalone_free(fs->registry);
    error_log_free(fs->errors);
    g_free(fs->servers);
    if (daemon->signal_source)
        g_source_remove(daemon->signal_source);
    if (daemon->signals >= 0)
        close(daemon->signals);
    g_main_loop_unref(daemon->loop);
}

int daemon_run(const struct daemon_config *config, char **why)
{
    struct daemon daemon = {.config = config, .signals = -1};
    daemon.loop = g_main_loop_new(NULL, FALSE);
    open_model(&daemon);
    if (open_signals(&daemon) && open_registry(&daemon, why) && open_naming(&daemon, why) &&
        open_mount(&daemon, why)) {
        config->ready(config->user_data);
        g_main_loop_run(daemon.loop);
    } else {
        daemon.status = 1;
    }
    close_all(&daemon);
    return daemon.status;
}
