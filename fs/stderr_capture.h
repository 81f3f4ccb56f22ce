/* SPDX-License-Identifier: MIT
 *
 * What a library and the programs that it runs write to stderr, as a string: libfuse reports a
 * failed mount by no other way, and its fusermount3 writes there itself. For start-up, while
 * nothing else runs.
 */
#pragma once

#include <glib.h>

struct stderr_capture {
    int saved; /* the real stderr; -1 = nothing is captured */
    int file;
};

void stderr_capture_begin(struct stderr_capture *capture);

/* Puts stderr back. What was written, its lines joined by "; " and at most 4 KiB; NULL if nothing.
 * New string. */
char *stderr_capture_end(struct stderr_capture *capture);
