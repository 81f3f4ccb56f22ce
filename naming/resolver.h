/* SPDX-License-Identifier: MIT
 *
 * Addresses of servers' names. A look-up may hang for half a minute, so it is made beside the loop
 * (GResolver), and of each name one at a time, however many requests want it: curl's own would take
 * a thread for each. An address once known is used until a look-up has told another one, a failed
 * look-up changes nothing.
 */
#pragma once

#include <glib.h>

struct resolver;

/* A look-up of `host` has ended; `why`: NULL = it has addresses now, else the reason. */
typedef void (*resolver_ended_fn)(const char *host, const char *why, gpointer user_data);

/* `ended` is called on the calling thread's main context, never from within a call of ours. */
struct resolver *resolver_new(resolver_ended_fn ended, gpointer user_data);
void resolver_free(struct resolver *resolver); /* `ended` is not called any more */

/* Numeric, separated by commas, borrowed until the loop goes on; NULL = none yet: `ended` will
 * tell. Known ones are looked up again half a minute later, or soon if they were doubted. */
const char *resolver_addresses(struct resolver *resolver, const char *host);
/* Nobody answered there. */
void resolver_doubt(struct resolver *resolver, const char *host);
