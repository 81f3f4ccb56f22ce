/* SPDX-License-Identifier: MIT */
#include "naming/registry/datagram.h"

#include "naming/registry/json_in.h"
#include "naming/registry/json_out.h"

#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* zlib.h: 16 more writes a gzip header */

static GBytes *compress_gzip(const char *text, gsize length)
{
    z_stream stream = {.next_in = (Bytef *)text, .avail_in = length};
    g_autofree guchar *out = g_malloc(DATAGRAM_MAX);
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    stream.next_out = out;
    stream.avail_out = DATAGRAM_MAX;
    int result = deflate(&stream, Z_FINISH);
    gsize size = stream.total_out;
    deflateEnd(&stream);
    return result == Z_STREAM_END ? g_bytes_new(out, size) : NULL;
}

GBytes *datagram_push(const char *data, guint64 sequence)
{
    g_autoptr(GString) text = g_string_new("{");
    json_out_member(text, "type", "dom");
    json_out_member(text, "data", data);
    json_out_member_int(text, "lastRefTime", (gint64)sequence);
    g_string_append_c(text, '}');
    if (text->len > DATAGRAM_MAX_JSON)
        return NULL;
    if (text->len >= DATAGRAM_GZIP_FROM)
        return compress_gzip(text->str, text->len);
    return g_bytes_new(text->str, text->len);
}

gboolean datagram_parse_ack(const char *text, gsize length, guint64 *sequence)
{
    struct json_object *time;
    g_autoptr(json_object) ack = json_in_parse(text, length);
    if (!json_object_is_type(ack, json_type_object) ||
        g_strcmp0(json_in_string(ack, "type", NULL), "push-ack") != 0 ||
        !json_object_object_get_ex(ack, "lastRefTime", &time) || !time)
        return FALSE;
    return g_ascii_string_to_unsigned(json_object_get_string(time), 10, 0, G_MAXINT64, sequence,
                                      NULL);
}
