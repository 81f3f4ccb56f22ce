/* SPDX-License-Identifier: MIT
 *
 * Writing JSON text straight into a buffer: a list of a hundred thousand hosts must not become a
 * tree of objects first. Input strings must be valid UTF-8; params.c lets no others in.
 */
#pragma once

#include <glib.h>

/* Appends a JSON string with its quotes. Escapes what RFC 8259 section 7 demands and nothing more,
 * as Jackson does: UTF-8 and the slash stay as they are. `length` -1 = up to the NUL. */
void json_out_string(GString *out, const char *text, gssize length);

/* Appends `,"key":` (no comma after an opening brace or bracket). */
void json_out_key(GString *out, const char *key);

/* The same with a value behind it. */
void json_out_member(GString *out, const char *key, const char *value);
void json_out_member_raw(GString *out, const char *key, const char *json);
void json_out_member_int(GString *out, const char *key, gint64 value);
void json_out_member_bool(GString *out, const char *key, gboolean value);

/* The shortest decimal that reads back equal, with at least one digit behind the point (Java's
 * Double.toString between 1e-3 and 1e7). */
void json_out_member_double(GString *out, const char *key, double value);
