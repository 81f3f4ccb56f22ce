/* SPDX-License-Identifier: MIT */
#include "naming/registry/json_in.h"

struct json_object *json_in_parse(const char *text, gsize length)
{
    if (length > G_MAXINT)
        return NULL;
    struct json_tokener *tokener = json_tokener_new_ex(JSON_IN_MAX_DEPTH);
    if (!tokener)
        return NULL;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *object = json_tokener_parse_ex(tokener, text, (int)length);
    gboolean whole = json_tokener_get_parse_end(tokener) == length;
    /* A bare number or word ends only where something follows. */
    if (json_tokener_get_error(tokener) == json_tokener_continue)
        object = json_tokener_parse_ex(tokener, "", 1);
    whole = whole && json_tokener_get_error(tokener) == json_tokener_success;
    json_tokener_free(tokener);
    if (whole)
        return object;
    json_object_put(object);
    return NULL;
}

const char *json_in_string(struct json_object *object, const char *key, const char *fallback)
{
    struct json_object *value;
    if (!json_object_object_get_ex(object, key, &value) ||
        !json_object_is_type(value, json_type_string))
        return fallback;
    return json_object_get_string(value);
}

gboolean json_in_bool(struct json_object *object, const char *key, gboolean fallback)
{
    struct json_object *value;
    if (!json_object_object_get_ex(object, key, &value) ||
        !json_object_is_type(value, json_type_boolean))
        return fallback;
    return json_object_get_boolean(value);
}
