/* SPDX-License-Identifier: MIT
 *
 * The mount's naming client: from the options to a running one, and what can be read anew while it
 * runs.
 */
#pragma once

#include "fs/fs.h"

struct client;

/* `source`: servers, in the form of SOURCE. Sets fs->naming. NULL and one line in *why (new string)
 * if the options make no sense or name files that cannot be read. */
struct client *client_new(struct fs *fs, const char *source, const struct naming_listener *listener,
                          gpointer user_data, char **why);
void client_free(struct client *client); /* NULL is fine; fs->naming is gone with it */

/* Reads the credentials file and the server list of the endpoint anew; mount, watches and beats go
 * on. A file that is no good leaves all as it was and a line in `.nacos/errors`. */
void client_reload(struct client *client);
/* Puts the credentials that were in the environment at the start back there, for a process that is
 * started right now; or takes them out again. */
void client_give_environment(struct client *client, gboolean give);
/* What SOURCE stands for, comma separated, for people; borrowed. */
const char *client_source(const struct client *client);
