/* SPDX-License-Identifier: MIT
 *
 * One gzip member (RFC 1952) in memory, with a limit on what comes out of it. Pure.
 */
#pragma once

#include <glib.h>

/* TRUE if `data` starts with gzip's magic bytes. */
gboolean gunzip_is_gzip(const char *data, gsize length);

/* New NUL-terminated buffer of *out_length bytes, or NULL and a reason in *why (new string, may be
 * asked for with NULL): broken, cut short, followed by more bytes, or longer than `limit`. Never
 * holds more than `limit` + 2 bytes. */
char *gunzip(const char *data, gsize length, gsize limit, gsize *out_length, char **why);
