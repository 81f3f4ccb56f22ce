/* SPDX-License-Identifier: MIT */
#include "naming/registry/options.h"

#include <string.h>

#define MAX_CONNECTIONS 1024
#define EMPTY_SERVICE_EXPIRE_S 60
#define TOKEN_TTL_S 600
#define TOKEN_TTL_MIN_S 10
#define TOKEN_TTL_MAX_S (24 * 60 * 60)

static const char summary[] =
    "Answers the v1 naming API as Nacos 1.4 does, for development, tests and small sites. It is\n"
    "no cluster, has no gRPC and no configuration service: man nacos-registry says how to move to\n"
    "a Nacos when you need those.";

static gboolean parse_level(const char *text, GLogLevelFlags *level, GError **error)
{
    static const struct {
        const char *name;
        GLogLevelFlags level;
    } levels[] = {
        {"error", G_LOG_LEVEL_CRITICAL},
        {"warning", G_LOG_LEVEL_WARNING},
        {"info", G_LOG_LEVEL_INFO},
        {"debug", G_LOG_LEVEL_DEBUG},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(levels); i++) {
        if (g_str_equal(text, levels[i].name)) {
            *level = levels[i].level;
            return TRUE;
        }
    }
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--log-level is error, warning, info or debug, not \"%s\"", text);
    return FALSE;
}

static gboolean check(struct options *options, const char *level, int argc, GError **error)
{
    const char *wrong = NULL;
    gsize length = strlen(options->context_path);
    if (length && options->context_path[length - 1] == '/')
        options->context_path[length - 1] = '\0';
    if (*options->context_path && *options->context_path != '/')
        wrong = "--context-path begins with a slash";
    else if (options->max_connections < 1)
        wrong = "--max-connections is at least 1";
    else if (options->empty_service_expire < 0)
        wrong = "--empty-service-expire is at least 0";
    else if (options->token_ttl < TOKEN_TTL_MIN_S || options->token_ttl > TOKEN_TTL_MAX_S)
        wrong = "--token-ttl is 10 to 86400";
    else if (argc > 1)
        wrong = "there are no arguments but options";
    if (wrong)
        g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, wrong);
    return !wrong && (!level || parse_level(level, &options->log_level, error));
}

gboolean options_parse(struct options *options, int *argc, char ***argv, GError **error)
{
    g_autofree char *level = NULL;
    *options = (struct options){.max_connections = MAX_CONNECTIONS,
                                .empty_service_expire = EMPTY_SERVICE_EXPIRE_S,
                                .token_ttl = TOKEN_TTL_S,
                                .ready_fd = -1,
                                .alive_fd = -1,
                                .log_level = G_LOG_LEVEL_INFO};
    const GOptionEntry entries[] = {
        {"listen", 0, 0, G_OPTION_ARG_STRING, &options->listen,
         "Address to be asked at (127.0.0.1:8848); port 0 = any", "ADDR:PORT"},
        {"context-path", 0, 0, G_OPTION_ARG_STRING, &options->context_path,
         "What stands before /v1 in URLs (/nacos)", "PATH"},
        {"auth", 0, 0, G_OPTION_ARG_FILENAME, &options->users_file,
         "Users who must log in: NAME:BCRYPT lines, as htpasswd -B writes them", "FILE"},
        {"token-ttl", 0, 0, G_OPTION_ARG_INT, &options->token_ttl, "How long a login lasts (600)",
         "SEC"},
        {"token-key", 0, 0, G_OPTION_ARG_FILENAME, &options->key_file,
         "32 bytes or more that keep logins valid across restarts (random)", "FILE"},
        {"max-connections", 0, 0, G_OPTION_ARG_INT, &options->max_connections,
         "Connections at a time (1024)", "N"},
        {"empty-service-expire", 0, 0, G_OPTION_ARG_INT, &options->empty_service_expire,
         "Remove a service that was empty for so long (60)", "SEC"},
        {"state", 0, 0, G_OPTION_ARG_FILENAME, &options->state,
         "Keep persistent instances in DIR/ADDR:PORT, or not at all (none)", "DIR"},
        {"probe-allow", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->probe_allow,
         "Probe persistent instances there, too, not on loopback alone; repeatable", "CIDR"},
        {"no-brake", 0, 0, G_OPTION_ARG_NONE, &options->no_brake,
         "Remove silent instances also when most of all fall silent at once", NULL},
        {"ready-fd", 0, 0, G_OPTION_ARG_INT, &options->ready_fd,
         "Write ADDR:PORT and a newline to this descriptor when listening", "N"},
        {"log-level", 0, 0, G_OPTION_ARG_STRING, &level,
         "What goes to stderr: error, warning, info (default) or debug", "LEVEL"},
        {"parent-death", 0, 0, G_OPTION_ARG_NONE, &options->parent_death,
         "End when the process that started this one ends", NULL},
        {"alive-fd", 0, 0, G_OPTION_ARG_INT, &options->alive_fd,
         "End when the other end of this pipe is closed", "N"},
        {"version", 0, 0, G_OPTION_ARG_NONE, &options->show_version, "Show the version", NULL},
        G_OPTION_ENTRY_NULL};
    g_autoptr(GOptionContext) context = g_option_context_new("- a Nacos naming server");
    g_option_context_set_summary(context, summary);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, error))
        return FALSE;
    if (!options->listen)
        options->listen = g_strdup("127.0.0.1:8848");
    if (!options->context_path)
        options->context_path = g_strdup("/nacos");
    return check(options, level, *argc, error);
}

void options_clear(struct options *options)
{
    g_clear_pointer(&options->listen, g_free);
    g_clear_pointer(&options->context_path, g_free);
    g_clear_pointer(&options->users_file, g_free);
    g_clear_pointer(&options->key_file, g_free);
    g_clear_pointer(&options->state, g_free);
    g_clear_pointer(&options->probe_allow, g_strfreev);
}
