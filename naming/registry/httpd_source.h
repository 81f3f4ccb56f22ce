/* SPDX-License-Identifier: MIT
 *
 * A libmicrohttpd daemon that runs in epoll mode without a thread, as a GSource.
 */
#pragma once

#include <glib.h>
#include <microhttpd.h>

/* Attached to `context`. The daemon is borrowed; destroy the source before it is stopped. New
 * reference. */
GSource *httpd_source_new(GMainContext *context, struct MHD_Daemon *daemon);

/* The daemon runs in the next turn of the loop, though nothing came: it has to, to notice that a
 * connection was resumed. */
void httpd_source_wake(GSource *source);
