/* SPDX-License-Identifier: MIT */
#include "fs/events.h"

#include "fs/escape.h"
#include "fs/handle.h"
#include "fs/pollers.h"
#include "fs/render.h"
#include "fs/service.h"

#define RING (1024 * 1024) /* bytes that a reader may be behind, of all services together */

struct events {
    struct stream *stream;  /* NULL while nobody reads */
    void *ring;             /* its memory, owned */
    GHashTable *readers;    /* handle id -> struct stream_reader, owned */
    guint of_all;           /* readers of `.nacos/events` */
    struct waiters waiters; /* theirs */
};

struct events *events_new(void)
{
    struct events *events = g_new0(struct events, 1);
    events->readers = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    return events;
}

static void end_stream(struct events *events)
{
    g_clear_pointer(&events->stream, stream_free);
    g_clear_pointer(&events->ring, g_free);
}

void events_free(struct events *events)
{
    if (!events)
        return;
    GHashTableIter iter;
    gpointer reader;
    g_hash_table_iter_init(&iter, events->readers);
    while (g_hash_table_iter_next(&iter, NULL, &reader))
        stream_detach(events->stream, reader);
    waiters_clear(&events->waiters);
    g_hash_table_unref(events->readers);
    end_stream(events);
    g_free(events);
}

/* How many readers there are like this one. */
static guint *count_of(const struct fs *fs, const struct stream_reader *reader)
{
    struct service *service = service_get(fs, reader->service);
    return service ? &service->streams : &fs->events->of_all;
}

void events_open(const struct handle *handle)
{
    struct events *events = handle->fs->events;
    struct stream_reader *reader = g_new0(struct stream_reader, 1);
    if (!events->stream)
        events->stream = stream_new(events->ring = g_malloc0(RING), RING);
    reader->handle = handle->id;
    reader->service = handle->service;
    stream_attach(events->stream, reader);
    g_hash_table_insert(events->readers, &reader->handle, reader);
    ++*count_of(handle->fs, reader);
}

void events_close(const struct handle *handle)
{
    struct events *events = handle->fs->events;
    struct stream_reader *reader = events_reader(handle->fs, handle->id);
    if (!reader)
        return;
    --*count_of(handle->fs, reader);
    stream_detach(events->stream, reader);
    g_hash_table_remove(events->readers, &reader->handle);
    if (g_hash_table_size(events->readers) == 0)
        end_stream(events);
}

struct stream_reader *events_reader(const struct fs *fs, guint64 handle)
{
    return g_hash_table_lookup(fs->events->readers, &handle);
}

gsize events_read(const struct fs *fs, struct stream_reader *reader, char *buffer, gsize size)
{
    return stream_read(fs->events->stream, reader, buffer, size);
}

gboolean events_readable(const struct fs *fs, struct stream_reader *reader)
{
    return stream_is_readable(fs->events->stream, reader);
}

struct waiter *events_wait(const struct fs *fs, const struct stream_reader *reader, wait_fn fn,
                           gpointer user_data)
{
    struct service *service = service_get(fs, reader->service);
    return waiters_add(service ? &service->event_waiters : &fs->events->waiters, fn, user_data);
}

/* --- changes ------------------------------------------------------------------------------- */

static void append(struct stream *stream, struct stream_event *event, const char *verb,
                   const GPtrArray *instances)
{
    event->verb = verb;
    for (guint i = 0; i < instances->len; i++) {
        g_autoptr(GString) line = g_string_new(NULL);
        render_line(line, g_ptr_array_index(instances, i));
        event->line = line->str;
        stream_append(stream, event);
    }
}

/* Added before removed: who counts never sees fewer than there were all the time. */
static void append_changes(const struct service *service, const struct service_info *old)
{
    struct stream *stream = service->fs->events->stream;
    g_auto(instances_diff) diff = {0};
    g_autoptr(GString) path = g_string_new(NULL);
    struct stream_event event = {.service = service->id, .unix_ms = g_get_real_time() / 1000};
    escape_append(path, service->path, "");
    event.path = path->str;
    instances_diff_init(&diff, old, service->view);
    append(stream, &event, "added", diff.added);
    append(stream, &event, "removed", diff.removed);
    append(stream, &event, "modified", diff.modified);
}

void events_changed(struct service *service, const struct service_info *old)
{
    struct events *events = service->fs->events;
    if (!service->streams && !events->of_all)
        return;
    append_changes(service, old);
    waiters_wake(&service->event_waiters, 0);
    waiters_wake(&events->waiters, 0);
    pollers_wake(&service->fs->pollers);
}
