/* SPDX-License-Identifier: MIT */
#include "naming/codec_json.h"

#include <json-c/json.h>
#include <limits.h>
#include <math.h>
#include <string.h>

gboolean codec_refuse(char **why, const char *format, ...)
{
    if (why == NULL || *why != NULL)
        return FALSE;
    va_list arguments;
    va_start(arguments, format);
    *why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return FALSE;
}

void codec_put(json_object *object)
{
    json_object_put(object);
}

/* How many members the objects of a text have, keys that come twice counted twice: a colon outside
 * a string is a member. -1 if there is a character that occurs in no JSON: json-c's strict mode
 * still takes control bytes in strings and, outside of them, 'single quotes', NaN and Infinity. */
static gssize members_of_text(const char *text, gsize length)
{
    gssize members = 0;
    gboolean inside = FALSE;
    for (gsize i = 0; i < length; i++) {
        char c = text[i];
        if (c == '"')
            inside = !inside;
        else if (inside && (guchar)c < ' ')
            return -1;
        else if (inside)
            i += c == '\\';
        else if (c == ':')
            members++;
        else if (c == '\'' || c == 'N' || c == 'I')
            return -1;
    }
    return members;
}

/* The same of the tree, where a key is held once. Depth is bounded by the parser. */
static gssize members_of_tree(json_object *value)
{
    gssize members = 0;
    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, member)
        {
            (void)key;
            members += 1 + members_of_tree(member);
        }
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            members += members_of_tree(json_object_array_get_idx(value, i));
    }
    return members;
}

typedef struct json_tokener json_tokener;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_tokener, json_tokener_free)

json_object *codec_parse(const char *text, gsize length, char **why)
{
    g_autoptr(json_tokener) tokener = json_tokener_new_ex(CODEC_DEPTH);
    if (tokener == NULL || length > INT_MAX - 1) {
        codec_refuse(why, "too large");
        return NULL;
    }
    if (!g_utf8_validate_len(text, length, NULL)) { /* json-c's own check takes surrogates */
        codec_refuse(why, "not JSON: not UTF-8");
        return NULL;
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    g_autoptr(json_object) value = json_tokener_parse_ex(tokener, text, (int)length);
    enum json_tokener_error error = json_tokener_get_error(tokener);
    if (error == json_tokener_continue)
        codec_refuse(why, "not JSON: it ends too early");
    else if (error != json_tokener_success)
        codec_refuse(why, "not JSON: %s at byte %zu", json_tokener_error_desc(error),
                     json_tokener_get_parse_end(tokener));
    else if (json_tokener_get_parse_end(tokener) < length)
        codec_refuse(why, "not JSON: something follows it");
    else if (members_of_text(text, length) != members_of_tree(value))
        codec_refuse(why, "not JSON: a key twice, or what only JavaScript takes");
    else
        return g_steal_pointer(&value);
    return NULL;
}

json_object *codec_parse_object(const char *text, gsize length, char **why)
{
    g_autoptr(json_object) object = codec_parse(text, length, why);
    if (json_object_is_type(object, json_type_object))
        return g_steal_pointer(&object);
    codec_refuse(why, "not a JSON object");
    return NULL;
}

const char *codec_string(json_object *value)
{
    if (!json_object_is_type(value, json_type_string))
        return NULL;
    const char *text = json_object_get_string(value);
    return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

gboolean codec_get_string(json_object *object, const char *name, const char **value)
{
    json_object *member = json_object_object_get(object, name);
    if (member == NULL)
        return TRUE;
    const char *text = codec_string(member);
    if (text != NULL)
        *value = text;
    return text != NULL;
}

gboolean codec_get_int(json_object *object, const char *name, gint64 *value)
{
    json_object *member = json_object_object_get(object, name);
    if (member == NULL)
        return TRUE;
    if (!json_object_is_type(member, json_type_int))
        return FALSE;
    *value = json_object_get_int64(member);
    return TRUE;
}

gboolean codec_get_double(json_object *object, const char *name, double *value)
{
    json_object *member = json_object_object_get(object, name);
    if (member == NULL)
        return TRUE;
    if (!json_object_is_type(member, json_type_int) &&
        !json_object_is_type(member, json_type_double))
        return FALSE;
    *value = json_object_get_double(member);
    return isfinite(*value);
}

gboolean codec_get_boolean(json_object *object, const char *name, gboolean *value)
{
    json_object *member = json_object_object_get(object, name);
    if (member == NULL)
        return TRUE;
    if (!json_object_is_type(member, json_type_boolean))
        return FALSE;
    *value = json_object_get_boolean(member);
    return TRUE;
}
