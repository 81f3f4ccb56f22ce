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
    guint32 path_at, path_length; /* of "PATH " in the text */
    char text[];
};

/* The memory. What is between start and end is whole at any instant: `start` is raised before
 * anything is written there, `end` afterwards. */
struct ring {
    guint64 start; /* position of the oldest record */
    guint64 end;   /* position behind the newest */
    char bytes[];
};

struct stream {
    struct ring *ring; /* borrowed */
    gsize size;        /* of its bytes */
    GQueue readers;
};

struct stream *stream_new(void *memory, gsize size)
{
    struct stream *stream = g_new0(struct stream, 1);
    stream->ring = memory;
    stream->size = size - sizeof(struct ring);
    g_queue_init(&stream->readers);
    return stream;
}

void stream_free(struct stream *stream)
{
    g_free(stream);
}

void stream_attach(struct stream *stream, struct stream_reader *reader)
{
    reader->next = stream->ring->end;
    reader->link.data = reader;
    g_queue_push_tail_link(&stream->readers, &reader->link);
}

static void end_rest(struct stream_reader *reader)
{
    if (reader->rest)
        g_string_free(g_steal_pointer(&reader->rest), TRUE);
}

void stream_detach(struct stream *stream, struct stream_reader *reader)
{
    g_queue_unlink(&stream->readers, &reader->link);
    end_rest(reader);
}

static struct record *record_at(const struct stream *stream, guint64 position)
{
    return (struct record *)(gpointer)(stream->ring->bytes + position % stream->size);
}

static gboolean is_for(const struct record *record, const struct stream_reader *reader)
{
    return record->length && (!reader->service || record->service == reader->service);
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
    while (reader->next < stream->ring->end) {
        const struct record *record = record_at(stream, reader->next);
        if (is_for(record, reader))
            return record;
        reader->next += record->size;
    }
    return NULL;
}

/* --- writing ------------------------------------------------------------------------------- */

/* Keeps what is left of a line that was begun, and goes on behind it. */
static void keep_rest(struct stream_reader *reader, const struct record *record)
{
    gsize left = line_length(record, reader) - reader->given;
    reader->rest = g_string_sized_new(left);
    copy_line(record, reader, reader->given, reader->rest->str, left);
    g_string_set_size(reader->rest, left);
    reader->next += record->size;
    reader->given = 0;
}

/* The record is about to be dropped: one that was not begun is lost to its reader. */
static void leave(struct stream_reader *reader, const struct record *record)
{
    if (reader->given)
        keep_rest(reader, record);
    else if (is_for(record, reader))
        reader->lost = TRUE;
    else
        reader->next += record->size;
}

static void drop_oldest(struct stream *stream)
{
    const struct record *record = record_at(stream, stream->ring->start);
    for (GList *at = stream->readers.head; at; at = at->next) {
        struct stream_reader *reader = at->data;
        if (!reader->lost && reader->next == stream->ring->start)
            leave(reader, record);
    }
    __atomic_store_n(&stream->ring->start, stream->ring->start + record->size, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void grow(struct stream *stream, gsize size)
{
    __atomic_store_n(&stream->ring->end, stream->ring->end + size, __ATOMIC_RELEASE);
}

/* `size` bytes in one piece at the end. */
static struct record *reserve(struct stream *stream, gsize size)
{
    gsize to_end = stream->size - stream->ring->end % stream->size;
    gsize skip = size > to_end ? to_end : 0;
    while (stream->ring->end + skip + size - stream->ring->start > stream->size)
        drop_oldest(stream);
    if (skip) {
        struct record *filler = record_at(stream, stream->ring->end);
        filler->size = (guint32)skip;
        filler->length = 0;
        grow(stream, skip);
    }
    return record_at(stream, stream->ring->end);
}

static void lose(struct stream *stream, guint64 service)
{
    for (GList *at = stream->readers.head; at; at = at->next) {
        struct stream_reader *reader = at->data;
        if (reader->service && reader->service != service)
            continue;
        if (reader->given)
            keep_rest(reader, record_at(stream, reader->next));
        reader->lost = TRUE;
    }
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
    grow(stream, size);
}

/* --- reading ------------------------------------------------------------------------------- */

gboolean stream_is_readable(struct stream *stream, struct stream_reader *reader)
{
    return reader->rest || reader->lost || next_record(stream, reader);
}

static gsize read_rest(struct stream_reader *reader, char *buffer, gsize size)
{
    gsize n = MIN(reader->rest->len, size);
    memcpy(buffer, reader->rest->str, n);
    g_string_erase(reader->rest, 0, (gssize)n);
    if (reader->rest->len == 0)
        end_rest(reader);
    return n;
}

/* Part of a line only if nothing stands in the buffer before it. */
static gsize read_record(struct stream_reader *reader, const struct record *record, char *buffer,
                         gsize used, gsize size)
{
    gsize left = line_length(record, reader) - reader->given;
    if (used && left > size - used)
        return 0;
    gsize n = MIN(left, size - used);
    copy_line(record, reader, reader->given, buffer + used, n);
    reader->given += (guint32)n;
    if (n == left) {
        reader->next += record->size;
        reader->given = 0;
    }
    return n;
}

/* The overflow line is one that is begun and not in the ring. */
static void begin_overflow(struct stream *stream, struct stream_reader *reader)
{
    reader->rest = g_string_new(NULL);
    g_string_printf(reader->rest, "%" G_GINT64_FORMAT " overflow\n", g_get_real_time() / 1000);
    reader->lost = FALSE;
    reader->next = stream->ring->end;
}

gsize stream_read(struct stream *stream, struct stream_reader *reader, char *buffer, gsize size)
{
    gsize used = 0;
    const struct record *record;
    if (reader->rest)
        used = read_rest(reader, buffer, size);
    if (reader->lost && !reader->rest) {
        begin_overflow(stream, reader);
        used += read_rest(reader, buffer + used, size - used);
    }
    while (!reader->rest && used < size && (record = next_record(stream, reader))) {
        gsize n = read_record(reader, record, buffer, used, size);
        if (n == 0)
            break;
        used += n;
    }
    return used;
}
