/* SPDX-License-Identifier: MIT */
#include "fs/stream.h"

#include <string.h>

#define ALIGNMENT 8

/* In the ring, never across its end; the first two fields alone where `length` is 0: nothing more
 * up to the ring's end. The text is the line for readers of all services; without the path it is
 * that for readers of the one. */
struct record {
    guint32 size; /* to the next record */
    guint32 length;
    guint64 service;
    guint32 path_at, path_length;       /* of "PATH " in the text */
    guint32 cluster_at, cluster_length; /* of the cluster's name there */
    char text[];
};

struct stream {
    char *ring;
    gsize size;
    guint64 start; /* position of the oldest record */
    guint64 end;   /* position behind the newest */
    GQueue readers;
};

struct stream *stream_new(gsize size)
{
    struct stream *stream = g_new0(struct stream, 1);
    stream->ring = g_malloc(size);
    stream->size = size;
    g_queue_init(&stream->readers);
    return stream;
}

void stream_free(struct stream *stream)
{
    if (!stream)
        return;
    g_free(stream->ring);
    g_free(stream);
}

void stream_attach(struct stream *stream, struct stream_reader *reader)
{
    reader->place.next = stream->end;
    reader->link.data = reader;
    g_queue_push_tail_link(&stream->readers, &reader->link);
}

static void end_rest(struct stream_reader *reader)
{
    if (reader->place.rest)
        g_string_free(g_steal_pointer(&reader->place.rest), TRUE);
}

void stream_detach(struct stream *stream, struct stream_reader *reader)
{
    g_queue_unlink(&stream->readers, &reader->link);
    end_rest(reader);
}

void stream_place_clear(struct stream_place *place)
{
    if (place->rest)
        g_string_free(place->rest, TRUE);
    *place = (struct stream_place){0};
}

void stream_place_copy(struct stream_place *to, const struct stream_place *from)
{
    stream_place_clear(to);
    *to = *from;
    if (from->rest)
        to->rest = g_string_new_len(from->rest->str, (gssize)from->rest->len);
}

guint64 stream_start(const struct stream *stream)
{
    return stream->start;
}

guint64 stream_end(const struct stream *stream)
{
    return stream->end;
}

void stream_begin_at(struct stream *stream, guint64 position)
{
    stream->start = stream->end = position;
}

void stream_check(const struct stream *stream, struct stream_reader *reader)
{
    struct stream_place *place = &reader->place;
    if (place->next >= stream->start && place->next <= stream->end)
        return;
    place->given = 0;
    place->next = stream->end;
    place->lost = TRUE;
}

static struct record *record_at(const struct stream *stream, guint64 position)
{
    return (struct record *)(gpointer)(stream->ring + position % stream->size);
}

static gboolean is_in_cluster(const struct record *record, const char *cluster)
{
    return strlen(cluster) == record->cluster_length &&
           memcmp(record->text + record->cluster_at, cluster, record->cluster_length) == 0;
}

static gboolean is_for(const struct record *record, const struct stream_reader *reader)
{
    if (!record->length || (reader->service && record->service != reader->service))
        return FALSE;
    return !reader->cluster || is_in_cluster(record, reader->cluster);
}

/* --- lines --------------------------------------------------------------------------------- */

static guint32 line_length(const struct record *record, const struct stream_reader *reader)
{
    return record->length - (reader->service ? record->path_length : 0);
}

/* Copies n bytes from `from` on of the line as this reader gets it. */
static void copy_line(const struct record *record, const struct stream_reader *reader, guint32 from,
                      char *to, gsize n)
{
    gsize before = reader->service ? MIN(n, record->path_at - MIN(from, record->path_at)) : n;
    memcpy(to, record->text + from, before);
    memcpy(to + before, record->text + from + before + record->path_length, n - before);
}

/* Moves on to the first event that is for this reader. */
static const struct record *next_record(const struct stream *stream, struct stream_reader *reader)
{
    while (reader->place.next < stream->end) {
        const struct record *record = record_at(stream, reader->place.next);
        if (is_for(record, reader))
            return record;
        reader->place.next += record->size;
    }
    return NULL;
}

/* --- writing ------------------------------------------------------------------------------- */

/* Keeps what is left of a line that was begun, and goes on behind it. */
static void keep_rest(struct stream_reader *reader, const struct record *record)
{
    gsize left = line_length(record, reader) - reader->place.given;
    reader->place.rest = g_string_sized_new(left);
    copy_line(record, reader, reader->place.given, reader->place.rest->str, left);
    g_string_set_size(reader->place.rest, left);
    reader->place.next += record->size;
    reader->place.given = 0;
}

/* The record is about to be dropped: one that was not begun is lost to its reader. */
static void leave(struct stream_reader *reader, const struct record *record)
{
    if (reader->place.given)
        keep_rest(reader, record);
    else if (is_for(record, reader))
        reader->place.lost = TRUE;
    else
        reader->place.next += record->size;
}

static void drop_oldest(struct stream *stream)
{
    const struct record *record = record_at(stream, stream->start);
    for (GList *at = stream->readers.head; at; at = at->next) {
        struct stream_reader *reader = at->data;
        if (!reader->place.lost && reader->place.next == stream->start)
            leave(reader, record);
    }
    stream->start += record->size;
}

/* `size` bytes in one piece at the end. */
static struct record *reserve(struct stream *stream, gsize size)
{
    gsize to_end = stream->size - stream->end % stream->size;
    gsize skip = size > to_end ? to_end : 0;
    while (stream->end + skip + size - stream->start > stream->size)
        drop_oldest(stream);
    if (skip) {
        struct record *filler = record_at(stream, stream->end);
        filler->size = (guint32)skip;
        filler->length = 0;
        stream->end += skip;
    }
    return record_at(stream, stream->end);
}

static void lose(struct stream *stream, guint64 service)
{
    for (GList *at = stream->readers.head; at; at = at->next) {
        struct stream_reader *reader = at->data;
        if (reader->service && reader->service != service)
            continue;
        if (reader->place.given)
            keep_rest(reader, record_at(stream, reader->place.next));
        reader->place.lost = TRUE;
    }
}

/* The fifth attribute; no address and no attribute before it has a space in it. */
static void find_cluster(struct record *record, const char *line, guint32 line_at)
{
    static const char key[] = " cluster=";
    const char *found = strstr(line, key);
    if (!found)
        return;
    const char *name = found + strlen(key);
    record->cluster_at = line_at + (guint32)(name - line);
    record->cluster_length = (guint32)strcspn(name, " \n");
}

void stream_append(struct stream *stream, const struct stream_event *event)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_printf(text, "%" G_GINT64_FORMAT " ", event->unix_ms);
    gsize path_at = text->len;
    g_string_append_printf(text, "%s %s %s", event->path, event->verb, event->line);
    gsize size = sizeof(struct record) + text->len;
    size += -size % ALIGNMENT;
    if (size > stream->size / 4) {
        lose(stream, event->service);
        return;
    }
    struct record *record = reserve(stream, size);
    record->size = (guint32)size;
    record->length = (guint32)text->len;
    record->service = event->service;
    record->path_at = (guint32)path_at;
    record->path_length = (guint32)strlen(event->path) + 1;
    memcpy(record->text, text->str, text->len);
    record->cluster_at = record->cluster_length = 0;
    find_cluster(record, event->line, (guint32)(text->len - strlen(event->line)));
    stream->end += size;
}

/* --- reading ------------------------------------------------------------------------------- */

gboolean stream_is_readable(struct stream *stream, struct stream_reader *reader)
{
    return reader->place.rest || reader->place.lost || next_record(stream, reader);
}

static gsize read_rest(struct stream_reader *reader, char *buffer, gsize size)
{
    gsize n = MIN(reader->place.rest->len, size);
    memcpy(buffer, reader->place.rest->str, n);
    g_string_erase(reader->place.rest, 0, (gssize)n);
    if (reader->place.rest->len == 0)
        end_rest(reader);
    return n;
}

/* Part of a line only if nothing stands in the buffer before it. */
static gsize read_record(struct stream_reader *reader, const struct record *record, char *buffer,
                         gsize used, gsize size)
{
    gsize left = line_length(record, reader) - reader->place.given;
    if (used && left > size - used)
        return 0;
    gsize n = MIN(left, size - used);
    copy_line(record, reader, reader->place.given, buffer + used, n);
    reader->place.given += (guint32)n;
    if (n == left) {
        reader->place.next += record->size;
        reader->place.given = 0;
    }
    return n;
}

/* The overflow line is one that is begun and not in the ring. */
static void begin_overflow(struct stream *stream, struct stream_reader *reader)
{
    reader->place.rest = g_string_new(NULL);
    g_string_printf(reader->place.rest, "%" G_GINT64_FORMAT " overflow\n",
                    g_get_real_time() / 1000);
    reader->place.lost = FALSE;
    reader->place.next = stream->end;
}

gsize stream_read(struct stream *stream, struct stream_reader *reader, char *buffer, gsize size)
{
    gsize used = 0;
    const struct record *record;
    if (reader->place.rest)
        used = read_rest(reader, buffer, size);
    if (reader->place.lost && !reader->place.rest) {
        begin_overflow(stream, reader);
        used += read_rest(reader, buffer + used, size - used);
    }
    while (!reader->place.rest && used < size && (record = next_record(stream, reader))) {
        gsize n = read_record(reader, record, buffer, used, size);
        if (n == 0)
            break;
        used += n;
    }
    return used;
}
