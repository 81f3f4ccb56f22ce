/* SPDX-License-Identifier: MIT
 *
 * Who the mount is towards the naming servers: from a file that nobody else may read, from the
 * environment, never from the command line.
 */
#pragma once

#include "naming/naming.h"

struct credentials_source {
    const char *file;                             /* NULL = none */
    const char *username;                         /* wins over the file's; NULL = none */
    const struct naming_credentials *environment; /* what the file leaves open */
};

/* NACOS_USERNAME and NACOS_PASSWORD, which are then no longer in the environment, not even for
 * those who read /proc/PID/environ. */
void credentials_take_environment(struct naming_credentials *environment);
/* Puts them there, for a child. */
void credentials_give_environment(const struct naming_credentials *environment);

/* FALSE and one line in *why (new string), and nothing in *credentials, if the file cannot be
 * trusted or read, or if what there is makes no pair. No secret is ever in *why. */
gboolean credentials_load(const struct credentials_source *source,
                          struct naming_credentials *credentials, char **why);
