/* SPDX-License-Identifier: MIT
 *
 * Which server is asked next: a ring with a memory. The server asked first stays the same while it
 * answers (its connections stay warm); one that fails is bad until something succeeds there: it is
 * asked after all others, and probed at intervals that double. Pure: no I/O, no clock; every `now`
 * is monotonic us.
 */
#pragma once

#include "naming/naming.h"

struct server_list;

#define SERVER_LIST_PROBE_FIRST (10 * G_USEC_PER_SEC) /* us between a failure and its probe */
#define SERVER_LIST_PROBE_MAX (60 * G_USEC_PER_SEC)   /* us; doubled up to this */

/* `urls`: NULL-terminated, at least one, copied. `first`: index of the server to begin with. New
 * reference. */
struct server_list *server_list_new(const char *const *urls, guint first);
struct server_list *server_list_ref(struct server_list *list);
void server_list_unref(struct server_list *list); /* NULL is fine */

/* The servers of `urls` in that order: those that `list` has, too, keep their memory, and the one
 * asked first stays that if it is among them, else it is `first`. New list; requests under way go
 * on with the old one. */
struct server_list *server_list_renew(const struct server_list *list, const char *const *urls,
                                      guint first);
/* The same servers in the same order? */
gboolean server_list_is(const struct server_list *list, const char *const *urls);
/* Index of the server with that URL, -1 if there is none. */
int server_list_find(const struct server_list *list, const char *url);

guint server_list_count(const struct server_list *list);
const char *server_list_url(const struct server_list *list, guint index);       /* borrowed */
const char *server_list_host_port(const struct server_list *list, guint index); /* borrowed */

/* The server to ask next of those whose `tried` (one flag a server) is not set: good ones from the
 * first on, then the bad ones, longest failed first. -1 when all are tried. */
int server_list_next(const struct server_list *list, const guint8 *tried);

/* How many are good and not tried, `except` left out. */
guint server_list_good_left(const struct server_list *list, const guint8 *tried, guint except);

/* A request went out; it was answered; it was not. `latency_us` of the answer. `peer`: the numeric
 * address that was connected to, "" if none. */
void server_list_asked(struct server_list *list, guint index);
void server_list_answered(struct server_list *list, guint index, gint64 now, gint64 latency_us);
void server_list_failed(struct server_list *list, guint index, gint64 now, const char *error);
void server_list_met(struct server_list *list, guint index, const char *peer);

/* The bad server whose probe is due, -1 if none is. The caller probes it and reports with
 * server_list_answered or server_list_failed; until then it is not named again. */
int server_list_take_probe(struct server_list *list, gint64 now);
/* When the next probe is due; -1 = no server is bad (or there is but one, which is asked anyway).
 */
gint64 server_list_probe_due(const struct server_list *list);

/* Somebody has a reason to think that bad servers are back: each is due for a probe. */
void server_list_probe_all(struct server_list *list, gint64 now);

/* The numeric address of a server, given in its URL or met there; borrowed, NULL if not known. */
const char *server_list_address(const struct server_list *list, guint index);
/* TRUE if `address` is that of one of the servers. Compares by value: ::1 is 0::1, and an IPv4
 * address is equal to its IPv4-mapped IPv6 form (RFC 4291, 2.5.5.2). */
gboolean server_list_has_address(const struct server_list *list, const char *address);

/* As naming_servers. */
guint server_list_states(const struct server_list *list, struct naming_server_state *states,
                         guint room);
