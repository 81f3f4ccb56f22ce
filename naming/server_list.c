/* SPDX-License-Identifier: MIT */
#include "naming/server_list.h"

#include <arpa/inet.h>
#include <string.h>

struct server {
    char *url;
    char *host_port;
    char *literal;  /* its host, if that is an address; else NULL */
    GPtrArray *met; /* char *, addresses that requests connected to, the newest first */
    char *last_error;
    struct naming_server_state state; /* strings in it are unused */
    gint64 back_off;                  /* us to the next probe but one; 0 while good */
    gint64 probe_at;                  /* monotonic us; -1 = none due */
};

#define MET_MAX 16 /* addresses remembered of one name */

struct server_list {
    guint ref_count;
    guint n;
    guint first;
    struct server *servers;
};

static gboolean is_address(const char *host)
{
    guint8 number[16];
    return inet_pton(AF_INET, host, number) == 1 || inet_pton(AF_INET6, host, number) == 1;
}

static void server_init(struct server *server, const char *url)
{
    g_autoptr(GUri) parsed = g_uri_parse(url, G_URI_FLAGS_ENCODED, NULL);
    const char *host = parsed != NULL ? g_uri_get_host(parsed) : "";
    const char *authority = strstr(url, "://");
    authority = authority != NULL ? authority + 3 : url;
    server->url = g_strdup(url);
    server->host_port = g_strndup(authority, strcspn(authority, "/"));
    server->literal = is_address(host) ? g_strdup(host) : NULL;
    server->met = g_ptr_array_new_with_free_func(g_free);
    server->state.latency_us = -1;
    server->probe_at = -1;
}

static void server_clear(struct server *server)
{
    g_free(server->url);
    g_free(server->host_port);
    g_free(server->literal);
    g_free(server->last_error);
    g_ptr_array_unref(server->met);
}

struct server_list *server_list_new(const char *const *urls, guint first)
{
    struct server_list *list = g_new0(struct server_list, 1);
    list->ref_count = 1;
    list->n = g_strv_length((char **)urls);
    list->first = first % list->n;
    list->servers = g_new0(struct server, list->n);
    for (guint i = 0; i < list->n; i++)
        server_init(&list->servers[i], urls[i]);
    return list;
}

struct server_list *server_list_ref(struct server_list *list)
{
    list->ref_count++;
    return list;
}

void server_list_unref(struct server_list *list)
{
    if (list == NULL || --list->ref_count > 0)
        return;
    for (guint i = 0; i < list->n; i++)
        server_clear(&list->servers[i]);
    g_free(list->servers);
    g_free(list);
}

/* The answer to a probe under way is for the old list: a bad server gets one of its own. */
static void server_inherit(struct server *server, const struct server *old)
{
    server->state = old->state;
    server->last_error = g_strdup(old->last_error);
    server->back_off = old->back_off;
    server->probe_at = old->probe_at;
    if (old->state.bad && old->probe_at < 0)
        server->probe_at = old->state.last_failure + old->back_off;
    for (guint i = 0; i < old->met->len; i++)
        g_ptr_array_add(server->met, g_strdup(old->met->pdata[i]));
}

struct server_list *server_list_renew(const struct server_list *list, const char *const *urls,
                                      guint first)
{
    struct server_list *renewed = server_list_new(urls, first);
    int same = server_list_find(renewed, list->servers[list->first].url);
    for (guint i = 0; i < renewed->n; i++) {
        int old = server_list_find(list, urls[i]);
        if (old >= 0)
            server_inherit(&renewed->servers[i], &list->servers[old]);
    }
    if (same >= 0)
        renewed->first = (guint)same;
    return renewed;
}

gboolean server_list_is(const struct server_list *list, const char *const *urls)
{
    for (guint i = 0; i < list->n; i++)
        if (urls[i] == NULL || strcmp(list->servers[i].url, urls[i]) != 0)
            return FALSE;
    return urls[list->n] == NULL;
}

int server_list_find(const struct server_list *list, const char *url)
{
    for (guint i = 0; i < list->n; i++)
        if (strcmp(list->servers[i].url, url) == 0)
            return (int)i;
    return -1;
}

guint server_list_count(const struct server_list *list)
{
    return list->n;
}

const char *server_list_url(const struct server_list *list, guint index)
{
    return list->servers[index].url;
}

const char *server_list_host_port(const struct server_list *list, guint index)
{
    return list->servers[index].host_port;
}

int server_list_next(const struct server_list *list, const guint8 *tried)
{
    int bad = -1;
    for (guint i = 0; i < list->n; i++) {
        guint index = (list->first + i) % list->n;
        const struct server *server = &list->servers[index];
        if (tried[index])
            continue;
        if (!server->state.bad)
            return (int)index;
        if (bad < 0 || server->state.last_failure < list->servers[bad].state.last_failure)
            bad = (int)index;
    }
    return bad;
}

guint server_list_good_left(const struct server_list *list, const guint8 *tried, guint except)
{
    guint left = 0;
    for (guint i = 0; i < list->n; i++)
        left += i != except && !tried[i] && !list->servers[i].state.bad;
    return left;
}

void server_list_asked(struct server_list *list, guint index)
{
    list->servers[index].state.requests++;
}

void server_list_answered(struct server_list *list, guint index, gint64 now, gint64 latency_us)
{
    struct server *server = &list->servers[index];
    server->state.bad = FALSE;
    server->state.last_ok = now;
    server->state.latency_us = latency_us;
    server->back_off = 0;
    server->probe_at = -1;
    if (list->servers[list->first].state.bad)
        list->first = index;
}

/* The ring turns to the next good server; it stays where it is if there is none. */
static void turn(struct server_list *list)
{
    for (guint i = 1; i < list->n; i++) {
        guint index = (list->first + i) % list->n;
        if (!list->servers[index].state.bad) {
            list->first = index;
            return;
        }
    }
}

void server_list_failed(struct server_list *list, guint index, gint64 now, const char *error)
{
    struct server *server = &list->servers[index];
    server->state.failures++;
    server->state.last_failure = now;
    g_free(server->last_error);
    server->last_error = g_strdup(error);
    /* many requests fail at once when a server dies: that is one failure */
    if (!server->state.bad || server->probe_at < 0) {
        server->back_off = server->state.bad ? MIN(server->back_off * 2, SERVER_LIST_PROBE_MAX)
                                             : SERVER_LIST_PROBE_FIRST;
        server->probe_at = now + server->back_off;
    }
    server->state.bad = TRUE;
    if (list->first == index)
        turn(list);
}

void server_list_met(struct server_list *list, guint index, const char *peer)
{
    GPtrArray *met = list->servers[index].met;
    guint place;
    if (*peer == '\0')
        return;
    if (g_ptr_array_find_with_equal_func(met, peer, g_str_equal, &place)) {
        if (place == 0)
            return;
        g_ptr_array_remove_index(met, place);
    }
    g_ptr_array_insert(met, 0, g_strdup(peer));
    if (met->len > MET_MAX)
        g_ptr_array_set_size(met, MET_MAX);
}

int server_list_take_probe(struct server_list *list, gint64 now)
{
    for (guint i = 0; list->n > 1 && i < list->n; i++) {
        struct server *server = &list->servers[i];
        if (server->probe_at >= 0 && server->probe_at <= now) {
            server->probe_at = -1;
            return (int)i;
        }
    }
    return -1;
}

gint64 server_list_probe_due(const struct server_list *list)
{
    gint64 due = -1;
    for (guint i = 0; list->n > 1 && i < list->n; i++) {
        gint64 at = list->servers[i].probe_at;
        if (at >= 0 && (due < 0 || at < due))
            due = at;
    }
    return due;
}

void server_list_probe_all(struct server_list *list, gint64 now)
{
    for (guint i = 0; i < list->n; i++)
        if (list->servers[i].state.bad)
            list->servers[i].probe_at = now;
}

const char *server_list_address(const struct server_list *list, guint index)
{
    const struct server *server = &list->servers[index];
    if (server->literal != NULL)
        return server->literal;
    return server->met->len > 0 ? server->met->pdata[0] : NULL;
}

/* An IPv4 address as its mapped IPv6 form, so that both compare as one. */
static gboolean to_number(const char *address, guint8 number[16])
{
    static const guint8 mapped[12] = {[10] = 0xff, [11] = 0xff};
    memcpy(number, mapped, sizeof mapped);
    return inet_pton(AF_INET, address, number + sizeof mapped) == 1 ||
           inet_pton(AF_INET6, address, number) == 1;
}

static gboolean same_address(const char *a, const guint8 number[16])
{
    guint8 other[16];
    return a != NULL && to_number(a, other) && memcmp(other, number, sizeof other) == 0;
}

gboolean server_list_has_address(const struct server_list *list, const char *address)
{
    guint8 number[16];
    if (!to_number(address, number))
        return FALSE;
    for (guint i = 0; i < list->n; i++) {
        const struct server *server = &list->servers[i];
        if (same_address(server->literal, number))
            return TRUE;
        for (guint j = 0; j < server->met->len; j++)
            if (same_address(server->met->pdata[j], number))
                return TRUE;
    }
    return FALSE;
}

guint server_list_states(const struct server_list *list, struct naming_server_state *states,
                         guint room)
{
    for (guint i = 0; i < MIN(list->n, room); i++) {
        const struct server *server = &list->servers[i];
        states[i] = server->state;
        states[i].url = server->url;
        states[i].current = i == list->first;
        states[i].last_error = server->last_error != NULL ? server->last_error : "";
    }
    return list->n;
}
