/* SPDX-License-Identifier: MIT
 *
 * A reply body that grows up to a limit, and the builder of queries and forms. No I/O.
 */
#pragma once

#include <glib.h>

struct http_body {
    char *data; /* owned; NUL behind it; NULL while nothing came */
    gsize length, room;
    gsize limit;       /* bytes */
    gboolean overflow; /* more came than the limit, or than there is memory for */
};

/* FALSE once it overflows; what was there before stays. */
gboolean http_body_append(struct http_body *body, const char *data, gsize length);
void http_body_clear(struct http_body *body);
