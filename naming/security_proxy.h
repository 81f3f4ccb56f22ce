/* SPDX-License-Identifier: MIT
 *
 * Who we are towards the servers (SecurityProxy of the Java client): logs in with a name and a
 * password, keeps the access token, renews it when nine tenths of its life are over or a server
 * refuses it, and signs with AK/SK. Logs in at most once in 5 s; meanwhile the old token is used,
 * until a server refuses that, too.
 */
#pragma once

#include "naming/trouble.h"

struct naming_transport;
struct security_proxy;

#define SECURITY_LOGIN_APART_MS 5000

/* Logs in at once if there is a name. `transport` borrowed, `credentials` copied, NULL = none. */
struct security_proxy *security_proxy_new(struct naming_transport *transport,
                                          const struct naming_credentials *credentials,
                                          const struct trouble *trouble);
void security_proxy_free(struct security_proxy *security); /* must have no waiters */

/* Other credentials, or (NULL) the same; logs in at once. */
void security_proxy_reload(struct security_proxy *security,
                           const struct naming_credentials *credentials);

/* Appends accessToken=, and ak=, data= and signature=, to a query. `service`: the request's
 * serviceName, NULL = it has none. */
void security_proxy_sign(const struct security_proxy *security, GString *query,
                         const struct service_key *service);
/* Changes with every token. */
guint security_proxy_version(const struct security_proxy *security);

/* Somebody whom a server refused; embedded in its record. `settled` comes once, from a later turn
 * of the loop: there is a new token, or there will be none. */
struct security_wait {
    void (*settled)(gboolean renewed, gpointer user_data);
    gpointer user_data;
    GList link;
    gboolean waiting;
};
enum security_hope {
    SECURITY_NONE,  /* nothing better is to be had: refused it is */
    SECURITY_NEWER, /* there is a newer token than that of `version` already */
    SECURITY_WAIT,  /* `wait` is settled in the end, after a login */
};
/* What may be done about a request that was refused with the token of `version`. */
enum security_hope security_proxy_refused(struct security_proxy *security, guint version,
                                          struct security_wait *wait);
void security_proxy_leave(struct security_proxy *security, struct security_wait *wait);

/* data and signature of AK/SK for one request: "MS@@GROUP@@NAME" or "MS", and Base64 of its
 * HMAC-SHA1. Pure. New strings. */
char *security_sign_data(gint64 ms, const struct service_key *service);
char *security_sign(const char *secret_key, const char *data);
