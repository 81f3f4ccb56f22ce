/* SPDX-License-Identifier: MIT
 *
 * A reply body that grows up to a limit, and the builder of queries and forms. No I/O.
 */
#pragma once

#include <glib.h>

/* What large bodies have together: thirty servers' connections could each bring one. */
struct http_room {
    gsize used, most; /* bytes */
};

struct http_body {
    char *data; /* owned; NUL behind it; NULL while nothing came */
    gsize length, room;
    gsize limit;             /* bytes */
    struct http_room *large; /* borrowed; NULL = not counted */
    gboolean overflow;       /* more came than the limit, or than there is memory for */
    gboolean crowded;        /* other bodies have the room that it would have needed */
};

/* FALSE once it overflows or is crowded out; what was there before stays. */
gboolean http_body_append(struct http_body *body, const char *data, gsize length);
void http_body_clear(struct http_body *body);
