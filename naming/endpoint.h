/* SPDX-License-Identifier: MIT
 *
 * The address server: an HTTP URL that gives the server list, one HOST[:PORT] or URL a line, asked
 * every 30 s (NamingProxy.getServerListFromEndpoint of the Java client). An answer that makes no
 * sense, or none, leaves the list as it is.
 */
#pragma once

#include "naming/http.h"
#include "naming/trouble.h"

struct endpoint;

#define ENDPOINT_PERIOD_MS 30000

/* `urls`: NULL-terminated, at least one, borrowed. */
typedef void (*endpoint_fn)(const char *const *urls, gpointer user_data);

struct endpoint_config {
    struct http *http; /* borrowed */
    GMainContext *context;
    const char *url;  /* as endpoint_url makes it; copied */
    const char *like; /* base URL whose scheme and context path entries without their own get;
                         copied */
    guint timeout_ms;
    struct trouble trouble; /* told of the first failure after a success */
    endpoint_fn found;      /* at every good answer, also one that says nothing new */
    gpointer user_data;
};
/* Asks at once. */
struct endpoint *endpoint_new(const struct endpoint_config *config);
void endpoint_free(struct endpoint *endpoint); /* NULL is fine */
/* Asks now, unless it is being asked. */
void endpoint_refresh(struct endpoint *endpoint);

/* The complete URL of what a user gave, "HOST[:PORT]" or an http(s) URL: port 8080 (443 for https)
 * and path /nacos/serverlist by default, and namespace= for another than "public" if no query is
 * there. NULL and a reason in *why (new string) if it is none. Pure. New string. */
char *endpoint_url(const char *given, const char *namespace_id, char **why);
/* The base URLs that a reply lists. NULL and a reason in *why (new string) if it lists none, or
 * anything that is no server. Pure. New array. */
char **endpoint_parse(const char *body, gsize length, const char *like, char **why);
