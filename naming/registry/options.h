/* SPDX-License-Identifier: MIT
 *
 * The command line of nacos-registry.
 */
#pragma once

#include <glib.h>

struct options {
    char *listen;              /* owned; --listen */
    char *context_path;        /* owned; --context-path, "/nacos"; "" = none */
    char *users_file;          /* owned; --auth; NULL = none */
    char *key_file;            /* owned; --token-key; NULL = none */
    gint token_ttl;            /* --token-ttl, s */
    gint max_connections;      /* --max-connections */
    gint empty_service_expire; /* --empty-service-expire, s */
    gint ready_fd;             /* --ready-fd; -1 = none */
    GLogLevelFlags log_level;  /* --log-level: the least severe level that is written */
    char *state;               /* owned; --state; NULL = the default; "none" */
    char **probe_allow;        /* owned; --probe-allow; NULL = none */
    gboolean no_brake;         /* --no-brake */
    gboolean parent_death;     /* --parent-death */
    int alive_fd;              /* --alive-fd; -1 = none */
    gboolean show_version;     /* --version */
};

/* Fills in the defaults and reads the command line; --help ends the process as GOptionContext does.
 * FALSE with a GOptionError. */
gboolean options_parse(struct options *options, int *argc, char ***argv, GError **error);
void options_clear(struct options *options);
