/* SPDX-License-Identifier: MIT
 *
 * What http.c waits for, as sources of a GMainContext: a socket and a point in time.
 */
#pragma once

#include <glib.h>

struct http_watch;

/* `ready`: what the socket can do now. May free its own watch. */
typedef void (*http_ready_fn)(int fd, GIOCondition ready, gpointer user_data);

/* Waits for nothing until http_watch_set. The descriptor stays the caller's. */
struct http_watch *http_watch_new(GMainContext *context, int fd, http_ready_fn ready,
                                  gpointer user_data);
void http_watch_set(struct http_watch *watch, GIOCondition condition);
void http_watch_free(struct http_watch *watch);

struct http_timer;
typedef void (*http_due_fn)(gpointer user_data);

/* Is not due until http_timer_set. `due` may free the timer. */
struct http_timer *http_timer_new(GMainContext *context, http_due_fn due, gpointer user_data);
/* `at`: monotonic us, once; -1 = never. */
void http_timer_set(struct http_timer *timer, gint64 at);
void http_timer_free(struct http_timer *timer);
