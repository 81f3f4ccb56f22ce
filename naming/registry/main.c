/* SPDX-License-Identifier: MIT
 *
 * nacos-registry: the naming server as a program of its own.
 */
#include "naming/registry/export.h"
#include "naming/registry/httpd.h"
#include "naming/registry/listen.h"
#include "naming/registry/options.h"

#include <glib-unix.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define SPARE_DESCRIPTORS 256 /* connections about to be closed, probes, files */

typedef struct options registry_options;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(registry_options, options_clear)

static const char *level_name(GLogLevelFlags level)
{
    if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
        return "error: ";
    if (level & G_LOG_LEVEL_WARNING)
        return "warning: ";
    return level & G_LOG_LEVEL_DEBUG ? "debug: " : "";
}

/* GLib's flags grow with unimportance, so a smaller one is at least as severe. */
static GLogWriterOutput write_log(GLogLevelFlags level, const GLogField *fields, gsize count,
                                  gpointer user_data)
{
    const struct options *options = user_data;
    if ((level & G_LOG_LEVEL_MASK) > options->log_level)
        return G_LOG_WRITER_HANDLED;
    for (gsize i = 0; i < count; i++)
        if (g_str_equal(fields[i].key, "MESSAGE"))
            fprintf(stderr, "nacos-registry: %s%s\n", level_name(level),
                    (const char *)fields[i].value);
    return G_LOG_WRITER_HANDLED;
}

static gboolean on_signal(gpointer user_data)
{
    g_main_loop_quit(user_data);
    return G_SOURCE_CONTINUE;
}

static gboolean on_alone(gint fd, GIOCondition condition, gpointer user_data)
{
    g_main_loop_quit(user_data);
    return G_SOURCE_REMOVE;
}

/* TRUE if the parent ended before PR_SET_PDEATHSIG could hear of it. With a --ready-fd the pipe
 * tells, for in a container the parent may well be process 1. */
static gboolean is_orphan(const struct options *options)
{
    struct pollfd ready = {.fd = options->ready_fd, .events = POLLOUT};
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (options->ready_fd < 0)
        return getppid() == 1;
    return poll(&ready, 1, 0) == 1 && (ready.revents & POLLERR);
}

static gboolean tell_ready(int fd, const char *address)
{
    g_autofree char *line = g_strconcat(address, "\n", NULL);
    if (fd < 0)
        return TRUE;
    gboolean written = write(fd, line, strlen(line)) == (ssize_t)strlen(line);
    close(fd);
    return written;
}

/* Before anybody can know that we are there, so that an early signal ends us as well as a late one.
 */
static void end_at(GMainLoop *loop, int signal_number)
{
    g_autoptr(GSource) source = g_unix_signal_source_new(signal_number);
    g_source_set_callback(source, on_signal, loop, NULL);
    g_source_attach(source, NULL);
}

static void announce(const struct listen_address *address, const char *name, gboolean required)
{
    fprintf(stderr, "listening on %s\n", name);
    if (!listen_is_loopback(address))
        g_warning("%s is not a loopback address: %s", name,
                  required ? "passwords and tokens cross the network readable"
                           : "whoever reaches it can register and deregister");
}

/* What SIGUSR1 writes, and where; borrowed. */
struct export_target {
    const struct store *store;
    const char *name;
    const char *directory; /* NULL = nowhere */
};

static gboolean on_export(gpointer user_data)
{
    const struct export_target *target = user_data;
    g_autoptr(GError) error = NULL;
    g_autofree char *path =
        target->directory ? export_write(target->store, target->name, target->directory, &error)
                          : NULL;
    if (path)
        g_message("everything written to %s", path);
    else
        g_warning("nothing exported: %s", error ? error->message : "there is no state directory");
    return G_SOURCE_CONTINUE;
}

/* HTTP on the socket, until a signal. */
static gboolean serve(const struct options *options, const struct httpd_config *config,
                      const struct listen_address *address, GError **error)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autofree char *name = listen_format(address);
    end_at(loop, SIGTERM);
    end_at(loop, SIGINT);
    if (options->alive_fd >= 0)
        g_unix_fd_add(options->alive_fd, G_IO_HUP | G_IO_ERR, on_alone, loop);
    struct httpd *httpd = httpd_new(NULL, config);
    gboolean ready = FALSE;
    if (!httpd) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot serve HTTP on %s", name);
    } else {
        announce(address, name, auth_is_required(config->auth));
        ready = tell_ready(options->ready_fd, name);
        if (ready)
            g_main_loop_run(loop);
        else
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE, "nobody reads --ready-fd");
    }
    httpd_free(httpd);
    return ready;
}

/* Where this registry, at its address, keeps what it keeps; new string, NULL = nowhere. */
static char *state_directory(const struct options *options, const struct listen_address *address)
{
    g_autofree char *fallback = persist_default_directory();
    g_autofree char *name = listen_format(address);
    const char *directory = options->state ? options->state : fallback;
    return g_str_equal(directory, "none") ? NULL : g_build_filename(directory, name, NULL);
}

static struct registry *make_registry(const struct options *options,
                                      const struct listen_address *address, const char *state,
                                      GError **error)
{
    struct registry_config config = {
        .local = (struct sockaddr *)&address->sockaddr,
        .empty_expire = (gint64)options->empty_service_expire * G_USEC_PER_SEC,
        .state = state,
        .probe_allowed = (const char *const *)options->probe_allow,
        .no_brake = options->no_brake,
    };
    return registry_new(NULL, &config, error);
}

/* A shell's usual 1024 descriptors are too few for as many connections and what else is open. */
static void raise_limit(const struct options *options)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)options->max_connections + SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = MIN(wanted, limit.rlim_max);
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < wanted)
        g_warning("no more than %lu descriptors for %d connections", (gulong)limit.rlim_cur,
                  options->max_connections);
}

/* The parts, from the inside out. `fd` is listening and ours to close. */
static gboolean assemble(const struct options *options, const struct listen_address *address,
                         int fd, GError **error)
{
    struct auth_config auth_config = {options->users_file, options->key_file, options->token_ttl};
    g_autofree char *state = state_directory(options, address);
    g_autofree char *name = listen_format(address);
    struct auth *auth = auth_new(&auth_config, error);
    struct registry *registry = auth ? make_registry(options, address, state, error) : NULL;
    gboolean served = FALSE;
    if (registry) {
        struct export_target target = {registry->store, name, state};
        guint usr1 = g_unix_signal_add(SIGUSR1, on_export, &target);
        struct httpd_config config = {registry, auth, options->context_path, fd,
                                      (guint)options->max_connections};
        served = serve(options, &config, address, error);
        g_source_remove(usr1);
    } else {
        close(fd);
    }
    registry_free(registry);
    auth_free(auth);
    return served;
}

static gboolean run(const struct options *options, GError **error)
{
    struct listen_address address;
    if (!listen_parse(options->listen, &address, error))
        return FALSE;
    raise_limit(options);
    int fd = listen_open(&address, error);
    return fd >= 0 && assemble(options, &address, fd, error);
}

int main(int argc, char *argv[])
{
    g_auto(registry_options) options = {0};
    g_autoptr(GError) error = NULL;
    if (!options_parse(&options, &argc, &argv, &error)) {
        fprintf(stderr, "nacos-registry: %s\n", error->message);
        return 1;
    }
    if (options.show_version) {
        printf("nacos-registry %s (libmicrohttpd %s)\n", NACOSFS_VERSION, MHD_get_version());
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    g_log_set_writer_func(write_log, &options, NULL);
    if (options.parent_death && is_orphan(&options))
        return 1;
    if (!run(&options, &error)) {
        fprintf(stderr, "nacos-registry: %s\n", error->message);
        return 1;
    }
    return 0;
}
