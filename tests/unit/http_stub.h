/* SPDX-License-Identifier: MIT
 *
 * A scripted HTTP server on 127.0.0.1 and the default main context of a test: it hands each request
 * to a function of the test, which answers as badly as it likes.
 */
#pragma once

#include <glib.h>

struct http_stub;
struct http_stub_connection;

/* `request`: the whole of it, head and body, NUL-terminated. Answering nothing is fine: the
 * connection then hangs. */
typedef void (*http_stub_fn)(struct http_stub_connection *connection, const char *request,
                             gpointer user_data);

struct http_stub *http_stub_new(http_stub_fn fn, gpointer user_data);
void http_stub_free(struct http_stub *stub); /* closes everything */
guint16 http_stub_port(const struct http_stub *stub);
guint http_stub_accepted(const struct http_stub *stub);       /* connections so far */
const GPtrArray *http_stub_log(const struct http_stub *stub); /* char *, every request */

void http_stub_send(struct http_stub_connection *connection, const void *data, gsize length);
/* Complete, with Content-Length; the connection stays. */
void http_stub_reply(struct http_stub_connection *connection, int status, const char *body);
/* After everything sent has gone out. */
void http_stub_close(struct http_stub_connection *connection);
/* At once, by RST. */
void http_stub_reset(struct http_stub_connection *connection);

/* A port on 127.0.0.1 where nobody listens (it was bound a moment ago). */
guint16 http_stub_dead_port(void);

/* Runs the default main context until *flag is set; fails the test after `ms`. */
void http_stub_wait(const gboolean *flag, guint ms);
/* Runs it for a while. */
void http_stub_run(guint ms);
