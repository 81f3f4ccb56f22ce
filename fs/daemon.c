/* SPDX-License-Identifier: MIT */
#include "fs/daemon.h"

#include "fs/adoption.h"
#include "fs/audit.h"
#include "fs/client.h"
#include "fs/control.h"
#include "fs/error.h"
#include "fs/error_log.h"
#include "fs/events.h"
#include "fs/group.h"
#include "fs/handle.h"
#include "fs/interest.h"
#include "fs/journal.h"
#include "fs/keeper.h"
#include "fs/node_use.h"
#include "fs/ops.h"
#include "fs/registered.h"
#include "fs/remembered.h"
#include "fs/render_dir.h"
#include "fs/restore.h"
#include "fs/service.h"
#include "fs/session.h"
#include "fs/snapshots.h"
#include "fs/state.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#define HELPERS 3
#define GOODBYE_MS 2500 /* for deregistering at the end; the exit follows within 3 s */
#define GOODBYE_TURN_MS 20
#define TICK_MS 250 /* how often the keeper hears that the loop turns */

struct daemon {
    const struct daemon_config *config;
    struct fs fs;
    GMainLoop *loop;
    struct adoption *adoption; /* of the keeper */
    gint64 goodbye;            /* monotonic us of the end; 0 = not ending */
    gboolean dropped;          /* all that had to be deregistered is answered for */
    enum farewell farewell;
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

static void beaten(const struct service_key *key, const struct instance *instance,
                   gpointer user_data)
{
    struct daemon *daemon = user_data;
    struct service *service = service_of_key(&daemon->fs, key);
    if (service)
        registered_beaten(service, instance);
}

static void answered(guint64 unique, gpointer user_data)
{
    struct fs *fs = user_data;
    journal_forget(fs->journal, unique);
}

static void node_gone(const struct node *node, gpointer user_data)
{
    node_use_gone(user_data, node);
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
    daemon->farewell = FAREWELL_DONE;
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

/* --- the keeper's words -------------------------------------------------------------------- */

static void leave(struct daemon *daemon)
{
    daemon->farewell = FAREWELL_LEFT;
    g_main_loop_quit(daemon->loop);
}

static void take_word(enum control_word word, gpointer user_data)
{
    struct daemon *daemon = user_data;
    if (word == CONTROL_QUIT)
        say_goodbye(daemon);
    else if (word == CONTROL_LEAVE)
        leave(daemon);
    else if (word == CONTROL_RELOAD)
        client_reload(daemon->fs.client);
}

/* A new keeper has to start daemons that log in as we do. */
static void give_environment(gboolean give, gpointer user_data)
{
    struct daemon *daemon = user_data;
    if (daemon->fs.client)
        client_give_environment(daemon->fs.client, give);
}

static gboolean tick(gpointer user_data)
{
    struct daemon *daemon = user_data;
    state_shared(daemon->fs.state)->ticks++;
    return G_SOURCE_CONTINUE;
}

/* --- building ------------------------------------------------------------------------------ */

static gboolean open_state(struct daemon *daemon, char **why)
{
    daemon->fs.state = state_open(KEEPER_FD_STATE, why);
    if (!daemon->fs.state)
        return FALSE;
    struct state_shared *shared = state_shared(daemon->fs.state);
    shared->epoch++;
    shared->ticks++;
    shared->daemon_pid = (guint64)getpid();
    const struct adoption_config config = {.options = daemon->config->options,
                                           .arguments = daemon->config->arguments,
                                           .keeper = (pid_t)shared->keeper_pid,
                                           .word = take_word,
                                           .environment = give_environment,
                                           .user_data = daemon};
    daemon->adoption = adoption_new(&config);
    g_timeout_add(TICK_MS, tick, daemon);
    return TRUE;
}

static gboolean open_naming(struct daemon *daemon, char **why)
{
    struct fs *fs = &daemon->fs;
    const char *registry = state_shared(fs->state)->address;
    const char *source = *registry ? registry : fs->options->source;
    const struct naming_listener listener = {
        .changed = changed, .trouble = trouble, .adopted = adopted, .beaten = beaten};
    fs->client = client_new(fs, source, &listener, daemon, why);
    return fs->client != NULL;
}

/* No id of an earlier daemon is given out again. */
static struct slots *new_slots(struct fs *fs, GDestroyNotify free_item)
{
    struct slots *slots = slots_new(free_item);
    slots_begin_at(slots, &state_shared(fs->state)->generation);
    return slots;
}

static void open_model(struct daemon *daemon)
{
    struct fs *fs = &daemon->fs;
    fs->options = daemon->config->options;
    fs->started = g_get_monotonic_time();
    if (!state_shared(fs->state)->started_ns)
        state_shared(fs->state)->started_ns = (guint64)version_next_mtime(0);
    fs->started_ns = (gint64)state_shared(fs->state)->started_ns;
    error_init(fs);
    fs->events = events_new();
    if (state_shared(fs->state)->remounted)
        restore_forget_kernel(fs);
    fs->tree = tree_new(fs->state, node_gone, fs);
    fs->journal = journal_new(fs->state);
    fs->snapshots = snapshots_new(fs->state);
    fs->groups = new_slots(fs, group_free);
    fs->services = new_slots(fs, service_free);
    fs->registrations = new_slots(fs, registered_free);
    fs->handles = new_slots(fs, handle_free);
    g_queue_init(&fs->parked);
    g_queue_init(&fs->changes);
    render_init(fs);
    root_init(fs);
}

static gboolean open_session(struct daemon *daemon, char **why)
{
    const struct daemon_config *config = daemon->config;
    struct fs *fs = &daemon->fs;
    const char *mountpoint = config->options->mountpoint;
    const struct session_config session = {.fuse_args = config->fuse_args,
                                           .ops = ops_table(),
                                           .user_data = fs,
                                           .fd = KEEPER_FD_FUSE,
                                           .state = fs->state,
                                           .ended = unmounted,
                                           .judge = restore_judge,
                                           .answered = answered,
                                           .resent = restore_resent};
    const char *const helper[] = {"nacosfs", "--mirror-helper", mountpoint, NULL};
    fs->session = session_new(&session, why);
    gboolean first = state_shared(fs->state)->epoch == 1;
    if (fs->session)
        fs->mirror = (first ? mirror_new : mirror_new_held)(helper, HELPERS, mountpoint, why);
    if (fs->mirror) {
        fs->node_use = node_use_new(fs);
        fs->interest = interest_new(fs);
        restore_model(fs);
        fs->remembered = remembered_new(fs, state_shared(fs->state)->epoch > 1);
        interest_begin(fs->interest);
        restore_resume(fs);
        if (state_shared(fs->state)->epoch > 1)
            g_info("took over %u nodes and %u services in %.1f ms", tree_count(fs->tree),
                   slots_count(fs->services),
                   (double)(g_get_monotonic_time() - fs->started) / 1000);
        fs->audit = audit_new(fs);
    }
    return fs->mirror != NULL;
}

/* In reverse; every part may be missing. */
static void close_all(struct daemon *daemon)
{
    struct fs *fs = &daemon->fs;
    parked_end_all(fs, EINTR);
    registered_end_all(fs);
    audit_free(fs->audit);
    remembered_end(fs->remembered);
    interest_free(fs->interest);
    node_use_free(fs->node_use);
    slots_free(fs->handles);
    events_free(fs->events);
    slots_free(fs->services);
    slots_free(fs->registrations);
    slots_free(fs->groups);
    render_clear(fs);
    root_clear(fs);
    tree_free(fs->tree);
    client_free(fs->client);
    remembered_free(fs->remembered);
    if (fs->mirror)
        mirror_free(fs->mirror);
    if (fs->session)
        session_free(fs->session);
    error_log_free(fs->errors);
    restore_end(fs);
    snapshots_free(fs->snapshots);
    journal_free(fs->journal);
    state_close(fs->state);
    adoption_free(daemon->adoption);
    g_main_loop_unref(daemon->loop);
}

static void serve(struct daemon *daemon)
{
    struct state_shared *shared = state_shared(daemon->fs.state);
    session_begin(daemon->fs.session);
    shared->ready = 1;
    control_send(KEEPER_FD_CONTROL, CONTROL_READY, NULL);
    g_main_loop_run(daemon->loop);
    shared->farewell = daemon->farewell;
    if (daemon->farewell == FAREWELL_LEFT)
        _exit(0); /* whoever waits is answered by the next daemon: nothing may be taken down */
}

int daemon_run(const struct daemon_config *config)
{
    struct daemon daemon = {.config = config};
    g_autofree char *why = NULL;
    int status = 0;
    daemon.loop = g_main_loop_new(NULL, FALSE);
    for (int fd = KEEPER_FD_CONTROL; fd <= KEEPER_FD_LAST; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (!open_state(&daemon, &why)) {
        control_send(KEEPER_FD_CONTROL, CONTROL_ERROR, why);
        return 1;
    }
    open_model(&daemon);
    if (open_naming(&daemon, &why) && open_session(&daemon, &why)) {
        serve(&daemon);
    } else {
        control_send(KEEPER_FD_CONTROL, CONTROL_ERROR, why);
        state_shared(daemon.fs.state)->farewell = FAREWELL_REFUSED;
        status = 1;
    }
    close_all(&daemon);
    return status;
}
