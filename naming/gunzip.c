/* SPDX-License-Identifier: MIT */
#include "naming/gunzip.h"

#include <zlib.h>

#define GUNZIP_FIRST_ROOM 16384
#define GUNZIP_WINDOW (16 + MAX_WBITS) /* gzip framing only, zlib's inflateInit2 */

gboolean gunzip_is_gzip(const char *data, gsize length)
{
    return length >= 2 && data[0] == '\x1f' && data[1] == '\x8b';
}

/* Inflates into *out, which grows to at most `most` bytes and one for the NUL. */
static int gunzip_inflate(z_stream *stream, char **out, gsize most)
{
    gsize room = MIN(GUNZIP_FIRST_ROOM, most);
    int rc;

    *out = g_malloc(room + 1);
    for (;;) {
        stream->next_out = (Bytef *)*out + stream->total_out;
        stream->avail_out = (uInt)(room - stream->total_out);
        rc = inflate(stream, Z_NO_FLUSH);
        if (rc != Z_OK || stream->avail_out > 0 || room == most)
            return rc;
        room = MIN(room * 2, most);
        *out = g_realloc(*out, room + 1);
    }
}

char *gunzip(const char *data, gsize length, gsize limit, gsize *out_length, char **why)
{
    g_autofree char *out = NULL;
    const char *reason = NULL;
    z_stream stream = {.next_in = (Bytef *)data, .avail_in = (uInt)length};
    int rc;

    if (length > G_MAXUINT32 || inflateInit2(&stream, GUNZIP_WINDOW) != Z_OK) {
        reason = "gzip: cannot be unpacked";
    } else {
        rc = gunzip_inflate(&stream, &out, limit + 1);
        *out_length = stream.total_out;
        out[stream.total_out] = '\0';
        if (stream.total_out > limit)
            reason = "gzip: unpacks to more than the limit";
        else if (rc == Z_STREAM_END)
            reason = stream.avail_in > 0 ? "gzip: bytes behind the end" : NULL;
        else
            reason = "gzip: broken or cut short";
        inflateEnd(&stream);
    }
    if (reason == NULL)
        return g_steal_pointer(&out);
    if (why != NULL)
        *why = g_strdup(reason);
    return NULL;
}
