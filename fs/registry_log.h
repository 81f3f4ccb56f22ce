/* SPDX-License-Identifier: MIT
 *
 * What the registry of `standalone` says on stderr, line by line, for our log.
 */
#pragma once

#include <glib.h>

struct registry_log {
    int fd;          /* the other end of its stderr, non-blocking; owned; -1 = none */
    GSource *source; /* NULL = not watched */
    GString *line;   /* not ended yet */
    char *last_line; /* the last whole one: why a start failed */
};

void registry_log_init(struct registry_log *log);
/* Frees everything. */
void registry_log_clear(struct registry_log *log);
/* Reads what is there, and never waits. Lines go to our log once it is watched. FALSE at the end of
 * it. */
gboolean registry_log_read(struct registry_log *log);
/* Reads on from the thread-default main context. */
void registry_log_watch(struct registry_log *log);
/* The registry has ended: closes `fd`, and what was read stays. */
void registry_log_drop(struct registry_log *log);
/* The last whole line, behind the registry's name. New string; NULL if there was none. */
char *registry_log_last(const struct registry_log *log);
