/* SPDX-License-Identifier: MIT
 *
 * A naming_proxy.h without servers: calls wait in a list until the test answers them. Link it in
 * front of the naming library. Meant for a manual clock (timers.h).
 */
#pragma once

#include "naming/call.h"
#include "naming/naming_proxy.h"
#include "naming/timers.h"

enum fake_kind {
    FAKE_REGISTER,
    FAKE_UPDATE,
    FAKE_DEREGISTER,
    FAKE_BEAT,
    FAKE_LIST,
    FAKE_SERVICES,
    FAKE_GROUP_COUNT,
    FAKE_GROUPS
};

/* Any function pointer; cast back before it is called. */
typedef void (*fake_done_fn)(void);

struct fake_call {
    struct naming_call call;
    struct naming_proxy *proxy;
    enum fake_kind kind;
    gint64 at; /* us on the test's clock */
    struct service_key *key;
    struct instance instance;
    gboolean light;
    gint64 period_ms;
    guint timeout_ms;
    guint16 udp_port;
    fake_done_fn done;
    gpointer user_data;
};

/* Answers a call by itself; NULL leaves it to the test. */
typedef void (*fake_script_fn)(struct fake_call *call, gpointer user_data);

struct naming_proxy {
    struct timers *timers; /* borrowed */
    GPtrArray *waiting;    /* struct fake_call *, in order */
    GArray *log;           /* struct fake_entry */
    const char *server;    /* numeric address that is_server accepts */
    fake_script_fn script; /* called `latency_us` after each call, if set */
    gpointer script_data;
    gint64 latency_us;
    guint reloads;
    struct timer timer;
};

/* One line of what was asked, for counting. */
struct fake_entry {
    enum fake_kind kind;
    gint64 at;
    gboolean light;
    guint16 port; /* instance's */
};

struct naming_proxy *fake_proxy_new(struct timers *timers);
void fake_proxy_free(struct naming_proxy *proxy);

/* Oldest waiting call of a kind, NULL if there is none. */
struct fake_call *fake_waiting(struct naming_proxy *proxy, enum fake_kind kind);
guint fake_count(struct naming_proxy *proxy, enum fake_kind kind); /* ever asked */
gint64 fake_last(struct naming_proxy *proxy, enum fake_kind kind); /* us; when it was asked last */

/* Each ends the call. */
void fake_answer(struct fake_call *call, enum naming_status status);
void fake_answer_beat(struct fake_call *call, int code, gint64 interval_ms, gboolean light);
void fake_answer_list(struct fake_call *call, struct service_info *info); /* takes the reference */

/* A snapshot of hosts "10.0.0.N:80" with these Ns, ended by 0. */
struct service_info *fake_info(const struct service_key *key, gint64 last_ref_time,
                               const guint *hosts);
