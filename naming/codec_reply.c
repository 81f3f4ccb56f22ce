/* SPDX-License-Identifier: MIT */
#include "naming/codec.h"

#include "naming/codec_json.h"

#include <json-c/json.h>
#include <string.h>

#define BEAT_INTERVAL_MAX                                                                          \
    (3600 * 1000)           /* ms; a longer one is senseless: the server forgets sooner */
#define DEFAULT_TTL_S 18000 /* nacos.core.auth.default.token.expire.seconds */
#define TOKEN_MAX 8192      /* bytes; a request line has no room for more */
#define REF_TIME_MAX 20     /* digits of a 64-bit number with its sign */

gboolean codec_beat_reply(const char *text, gsize length, struct beat_reply *reply, char **why)
{
    g_autoptr(json_object) root = codec_parse_object(text, length, why);
    if (root == NULL)
        return FALSE;
    gint64 code = 10200, interval = 0;
    gboolean light = FALSE;
    if (!codec_get_int(root, "code", &code) || code < 0 || code > G_MAXINT)
        return codec_refuse(why, "code is no number");
    if (!codec_get_int(root, "clientBeatInterval", &interval) ||
        !codec_get_boolean(root, "lightBeatEnabled", &light))
        return codec_refuse(why, "clientBeatInterval or lightBeatEnabled makes no sense");
    *reply = (struct beat_reply){
        .code = (int)code,
        .interval_ms = interval > 0 && interval <= BEAT_INTERVAL_MAX ? interval : 0,
        .light = light,
    };
    return TRUE;
}

/* The array and the sizes of one page; NULL and a reason if either is missing. */
static json_object *page_decode(json_object *root, const char *name, struct page_size *size,
                                char **why)
{
    gint64 number = -1;
    json_object *rows = json_object_object_get(root, name);
    if (!codec_get_int(root, "count", &number) || number < 0) {
        codec_refuse(why, "count is no number");
        return NULL;
    }
    if (!json_object_is_type(rows, json_type_array)) {
        codec_refuse(why, "%s is no list", name);
        return NULL;
    }
    size->count = (guint)MIN(number, G_MAXUINT);
    size->rows = (guint)json_object_array_length(rows);
    return rows;
}

/* Adds the name, unless no file can have it: one that is empty, or has a NUL in it, is nobody's
 * reason to refuse the others. FALSE if it is no text. */
static gboolean add_name(GPtrArray *names, json_object *value)
{
    const char *name = codec_string(value);
    if (!json_object_is_type(value, json_type_string))
        return FALSE;
    if (name != NULL && *name != '\0')
        g_ptr_array_add(names, g_strdup(name));
    return TRUE;
}

gboolean codec_service_list(const char *text, gsize length, GPtrArray *names,
                            struct page_size *size, char **why)
{
    g_autoptr(json_object) root = codec_parse_object(text, length, why);
    json_object *doms = root != NULL ? page_decode(root, "doms", size, why) : NULL;
    if (doms == NULL)
        return FALSE;
    guint before = names->len;
    for (guint i = 0; i < size->rows; i++) {
        if (!add_name(names, json_object_array_get_idx(doms, i))) {
            g_ptr_array_set_size(names, (int)before);
            return codec_refuse(why, "a name in doms is no text");
        }
    }
    return TRUE;
}

gboolean codec_catalog_groups(const char *text, gsize length, GPtrArray *groups,
                              struct page_size *size, char **why)
{
    g_autoptr(json_object) root = codec_parse_object(text, length, why);
    json_object *list = root != NULL ? page_decode(root, "serviceList", size, why) : NULL;
    if (list == NULL)
        return FALSE;
    guint before = groups->len;
    for (guint i = 0; i < size->rows; i++) {
        json_object *row = json_object_array_get_idx(list, i);
        if (!json_object_is_type(row, json_type_object) ||
            !add_name(groups, json_object_object_get(row, "groupName"))) {
            g_ptr_array_set_size(groups, (int)before);
            return codec_refuse(why, "a row of serviceList has no group");
        }
    }
    return TRUE;
}

gboolean codec_server_is_up(const char *text, gsize length)
{
    g_autoptr(json_object) root = codec_parse_object(text, length, NULL);
    const char *status = NULL;
    return root != NULL && codec_get_string(root, "status", &status) &&
           g_strcmp0(status, "UP") == 0;
}

gboolean codec_login_reply(const char *text, gsize length, struct login_reply *reply, char **why)
{
    g_autoptr(json_object) root = codec_parse_object(text, length, why);
    const char *token = NULL;
    reply->ttl_s = DEFAULT_TTL_S;
    if (root == NULL)
        return FALSE;
    if (!codec_get_string(root, "accessToken", &token) || token == NULL || *token == '\0' ||
        strlen(token) > TOKEN_MAX)
        return codec_refuse(why, "no accessToken");
    for (const char *c = token; *c != '\0'; c++)
        if (!g_ascii_isgraph(*c))
            return codec_refuse(why, "accessToken has a byte that no token has");
    if (!codec_get_int(root, "tokenTtl", &reply->ttl_s))
        return codec_refuse(why, "tokenTtl is no number");
    reply->token = g_strdup(token);
    return TRUE;
}

/* Servers send a number (System.nanoTime, so it may be negative) and take a number or a text back.
 */
static gboolean ref_time_decode(json_object *value, char **digits)
{
    if (value == NULL)
        return TRUE;
    const char *text = codec_string(value);
    if (json_object_is_type(value, json_type_int))
        text = json_object_get_string(value);
    if (text == NULL)
        return FALSE;
    const char *number = text + (*text == '-');
    size_t length = strspn(number, "0123456789");
    if (length == 0 || number[length] != '\0' || strlen(text) > REF_TIME_MAX)
        return FALSE;
    *digits = g_strdup(text);
    return TRUE;
}

gboolean codec_push_packet(const char *text, gsize length, struct push_packet *packet, char **why)
{
    *packet = (struct push_packet){0};
    g_autoptr(json_object) root = codec_parse_object(text, length, why);
    if (root == NULL)
        return FALSE;
    const char *type = NULL, *data = NULL;
    if (!codec_get_string(root, "type", &type) || type == NULL)
        return codec_refuse(why, "type is no text");
    if (!codec_get_string(root, "data", &data))
        return codec_refuse(why, "data is no text");
    if (!ref_time_decode(json_object_object_get(root, "lastRefTime"), &packet->last_ref_time))
        return codec_refuse(why, "lastRefTime is no number");
    packet->type = g_strdup(type);
    packet->data = g_strdup(data);
    return TRUE;
}

void push_packet_clear(struct push_packet *packet)
{
    g_free(packet->type);
    g_free(packet->data);
    g_free(packet->last_ref_time);
    *packet = (struct push_packet){0};
}
