/* SPDX-License-Identifier: MIT */
#include "fs/client.h"

#include "fs/credentials.h"
#include "fs/error.h"
#include "fs/state.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define DESCRIPTORS 8192 /* the soft limit is often 1024 */

struct client {
    struct fs *fs;
    char *source;
    struct naming_credentials environment; /* what was there at the start */
};

static gboolean is_readable(const char *option, const char *file, char **why)
{
    if (!file || access(file, R_OK) == 0)
        return TRUE;
    *why = g_strdup_printf("option %s=%s: %s", option, file, g_strerror(errno));
    return FALSE;
}

static gboolean load(const struct client *client, struct naming_credentials *credentials,
                     char **why)
{
    const struct mount_options *options = client->fs->options;
    const struct credentials_source source = {.file = options->credentials,
                                              .username = options->username,
                                              .environment = &client->environment};
    return credentials_load(&source, credentials, why);
}

/* Servers that answer slowly keep many connections open. */
static void want_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= DESCRIPTORS)
        return;
    limit.rlim_cur = MIN(limit.rlim_max, DESCRIPTORS);
    setrlimit(RLIMIT_NOFILE, &limit);
}

static struct naming_config config_of(const struct mount_options *options)
{
    return (struct naming_config){
        .namespace_id = options->namespace_id,
        .clusters = options->clusters,
        .timeout_ms = options->timeout_s * 1000,
        .connect_timeout_ms = options->connect_timeout_s * 1000,
        .retries = options->retries,
        .push_udp = options->push_udp,
        .udp_port = (guint16)options->udp_port,
        .max_response = options->max_response,
        .own_ip = options->ip,
        .cache_dir = strcmp(options->cache_dir, "none") == 0 ? NULL : options->cache_dir,
        .load_cache_at_start = options->load_cache_at_start,
        .failover_dir = options->failover_dir,
        .empty_protection = options->empty_protection,
        .endpoint = options->endpoint,
        .tls = {.cafile = options->cafile,
                .cert = options->cert,
                .key = options->key,
                .insecure = options->insecure},
    };
}

static gboolean files_are_readable(const struct mount_options *options, char **why)
{
    return is_readable("cafile", options->cafile, why) && is_readable("cert", options->cert, why) &&
           is_readable("key", options->key, why);
}

static void complain(struct client *client, const char *why)
{
    g_warning("%s", why);
    error_note(client->fs, EACCES, "", why);
}

/* A file that is no good keeps a mount from starting, but takes none down that is there already. */
static gboolean check_files(struct client *client, struct naming_credentials *credentials,
                            char **why)
{
    if (files_are_readable(client->fs->options, why) && load(client, credentials, why))
        return TRUE;
    if (state_shared(client->fs->state)->epoch <= 1)
        return FALSE;
    complain(client, *why);
    g_clear_pointer(why, g_free);
    return TRUE;
}

static gboolean start(struct client *client, const char *source,
                      const struct naming_listener *listener, gpointer user_data, char **why)
{
    struct naming_config config = config_of(client->fs->options);
    struct naming_credentials credentials = {0};
    g_auto(GStrv) servers = naming_parse_source(source, why);
    if (!servers || !check_files(client, &credentials, why))
        return FALSE;
    config.servers = (const char *const *)servers;
    config.credentials = &credentials;
    client->source = g_strjoinv(",", servers);
    client->fs->naming = naming_new(&config, listener, user_data, why);
    naming_credentials_clear(&credentials);
    return client->fs->naming != NULL;
}

struct client *client_new(struct fs *fs, const char *source, const struct naming_listener *listener,
                          gpointer user_data, char **why)
{
    struct client *client = g_new0(struct client, 1);
    client->fs = fs;
    want_descriptors();
    credentials_take_environment(&client->environment);
    if (start(client, source, listener, user_data, why))
        return client;
    client_free(client);
    return NULL;
}

void client_free(struct client *client)
{
    if (!client)
        return;
    g_clear_pointer(&client->fs->naming, naming_free);
    naming_credentials_clear(&client->environment);
    g_free(client->source);
    g_free(client);
}

void client_give_environment(struct client *client, gboolean give)
{
    struct naming_credentials back;
    if (give) {
        credentials_give_environment(&client->environment);
    } else {
        credentials_take_environment(&back);
        naming_credentials_clear(&back);
    }
}

void client_reload(struct client *client)
{
    struct naming_credentials credentials;
    g_autofree char *why = NULL;
    gboolean good = load(client, &credentials, &why);
    if (!good)
        complain(client, why);
    naming_reload(client->fs->naming, good ? &credentials : NULL);
    naming_credentials_clear(&credentials);
}

const char *client_source(const struct client *client)
{
    return client->source;
}
