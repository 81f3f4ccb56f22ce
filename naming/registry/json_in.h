/* SPDX-License-Identifier: MIT
 *
 * Reading JSON that came from outside: json-c, strict, of limited depth.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>

#define JSON_IN_MAX_DEPTH 16

/* New reference, or NULL if the text is not one whole JSON value in valid UTF-8. A JSON null is
 * NULL, too. */
struct json_object *json_in_parse(const char *text, gsize length);

/* Members of an object; `fallback` if there is none of that type. The string is borrowed. */
const char *json_in_string(struct json_object *object, const char *key, const char *fallback);
gboolean json_in_bool(struct json_object *object, const char *key, gboolean fallback);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_object, json_object_put)
