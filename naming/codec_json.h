/* SPDX-License-Identifier: MIT
 *
 * What codec*.c share: json-c made strict, and fields with a type. Every getter leaves *value alone
 * when the field is absent or null and returns FALSE when it has another type than asked for.
 */
#pragma once

#include <glib.h>

struct json_object;
typedef struct json_object json_object;

/* RFC 8259 and no more: what json-c 0.16 takes besides it in strict mode (single quotes, NaN,
 * Infinity, a key twice) is refused, and so is anything deeper than CODEC_DEPTH. New reference. */
json_object *codec_parse(const char *text, gsize length, char **why);
#define CODEC_DEPTH 16

/* As codec_parse, for a text that must be an object. */
json_object *codec_parse_object(const char *text, gsize length, char **why);

/* Puts the reason into *why, if that is asked for and empty, and returns FALSE. */
gboolean codec_refuse(char **why, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Borrowed from `object`. A text with a NUL in it counts as the wrong type. */
gboolean codec_get_string(json_object *object, const char *name, const char **value);
gboolean codec_get_int(json_object *object, const char *name, gint64 *value);
gboolean codec_get_double(json_object *object, const char *name, double *value);
gboolean codec_get_boolean(json_object *object, const char *name, gboolean *value);

/* One host of a list, or an Instance alone, into uninitialised memory. FALSE if it makes no sense;
 * what is in it then still has to be cleared. */
struct instance;
gboolean codec_host(json_object *value, struct instance *host);

/* The string itself, borrowed; NULL if `value` is none or has a NUL in it. */
const char *codec_string(json_object *value);

void codec_put(json_object *object); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_object, codec_put)
