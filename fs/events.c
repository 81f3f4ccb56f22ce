/* SPDX-License-Identifier: MIT */
#include "fs/events.h"

#include "fs/escape.h"
#include "fs/handle.h"
#include "fs/pollers.h"
#include "fs/render.h"
#include "fs/restore.h"
#include "fs/service.h"
#include "fs/state.h"

#include <string.h>

#define RING (1024 * 1024) /* bytes that a reader may be behind, of all services together */

struct events {
    struct stream *stream;  /* NULL while nobody reads */
    GHashTable *readers;    /* handle id -> struct stream_reader, owned */
    guint of_all;           /* readers of `.nacos/events` */
    GQueue kept;            /* struct record of what is in the stream, oldest first */
    struct waiters waiters; /* theirs */
};

static void reader_free(gpointer item)
{
    struct stream_reader *reader = item;
    g_free(reader->cluster);
    g_free(reader);
}

struct events *events_new(void)
{
    struct events *events = g_new0(struct events, 1);
    events->readers = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, reader_free);
    return events;
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
    g_queue_clear(&events->kept);
    stream_free(events->stream);
    g_free(events);
}

/* How many readers there are like this one. */
static guint *count_of(const struct fs *fs, const struct stream_reader *reader)
{
    struct service *service = service_get(fs, reader->service);
    return service ? &service->streams : &fs->events->of_all;
}

/* NULL for the whole service. New string. */
static char *cluster_of_handle(const struct handle *handle)
{
    struct service *service = service_get(handle->fs, handle->service);
    const struct node *node = tree_get(handle->fs->tree, handle->node);
    const struct cluster *cluster = service && node ? cluster_of(service, node) : NULL;
    if (!cluster)
        return NULL;
    GString *escaped = g_string_new(NULL);
    escape_append(escaped, cluster->name, "");
    return g_string_free(escaped, FALSE);
}

void events_open(const struct handle *handle)
{
    struct events *events = handle->fs->events;
    struct stream_reader *reader = g_new0(struct stream_reader, 1);
    if (!events->stream)
        events->stream = stream_new(RING);
    reader->handle = handle->id;
    reader->service = handle->service;
    reader->cluster = cluster_of_handle(handle);
    stream_attach(events->stream, reader);
    g_hash_table_insert(events->readers, &reader->handle, reader);
    ++*count_of(handle->fs, reader);
}

static void drop_kept(struct fs *fs, guint64 before);

static void close_stream(struct fs *fs)
{
    drop_kept(fs, G_MAXUINT64);
    g_clear_pointer(&fs->events->stream, stream_free);
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
        close_stream(handle->fs);
}

struct stream_reader *events_reader(const struct fs *fs, guint64 handle)
{
    return g_hash_table_lookup(fs->events->readers, &handle);
}

gsize events_read(const struct fs *fs, struct stream_reader *reader, char *buffer, gsize size)
{
    return stream_read(fs->events->stream, reader, buffer, size);
}

void events_put_back(const struct fs *fs, struct stream_reader *reader,
                     const struct stream_place *place)
{
    stream_place_copy(&reader->place, place);
    stream_check(fs->events->stream, reader);
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

/* The ring drops its oldest events, and so does the state. */
static void drop_kept(struct fs *fs, guint64 before)
{
    struct events *events = fs->events;
    const struct record *oldest;
    while ((oldest = g_queue_peek_head(&events->kept)) && oldest->id < before)
        state_remove(fs->state, g_queue_pop_head(&events->kept));
}

/* `from`: end of the stream before the event; a filler may lie in between. */
static void keep_event(const struct service *service, const struct stream_event *event,
                       guint64 from)
{
    struct fs *fs = service->fs;
    const guint64 words[STATE_WORDS] = {from, event->service, service->version,
                                        (guint64)event->unix_ms};
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_len(text, event->path, (gssize)strlen(event->path) + 1);
    g_string_append_len(text, event->verb, (gssize)strlen(event->verb) + 1);
    g_string_append_len(text, event->line, (gssize)strlen(event->line) + 1);
    guint64 end = stream_end(fs->events->stream);
    g_queue_push_tail(&fs->events->kept,
                      state_add(fs->state, RECORD_EVENT, end, words, text->str, text->len));
    drop_kept(fs, stream_start(fs->events->stream) + 1);
}

static void append(const struct service *service, struct stream_event *event, const char *verb,
                   const GPtrArray *instances)
{
    struct stream *stream = service->fs->events->stream;
    event->verb = verb;
    for (guint i = 0; i < instances->len; i++) {
        g_autoptr(GString) line = g_string_new(NULL);
        render_line(line, g_ptr_array_index(instances, i));
        event->line = line->str;
        guint64 from = stream_end(stream);
        stream_append(stream, event);
        if (stream_end(stream) != from)
            keep_event(service, event, from);
    }
}

/* Added before removed: who counts never sees fewer than there were all the time. */
static void append_changes(const struct service *service, const struct service_info *old)
{
    g_auto(instances_diff) diff = {0};
    g_autoptr(GString) path = g_string_new(NULL);
    struct stream_event event = {.service = service->id, .unix_ms = g_get_real_time() / 1000};
    escape_append(path, service->path, "");
    event.path = path->str;
    instances_diff_init(&diff, old, service->view);
    append(service, &event, "added", diff.added);
    append(service, &event, "removed", diff.removed);
    append(service, &event, "modified", diff.modified);
}

void events_changed(struct service *service, const struct service_info *old)
{
    struct events *events = service->fs->events;
    if (!service->streams && !events->of_all)
        return;
    append_changes(service, old);
}

void events_wake(struct service *service)
{
    struct events *events = service->fs->events;
    waiters_wake(&service->event_waiters, 0);
    waiters_wake(&events->waiters, 0);
    pollers_wake(&service->fs->pollers);
}

/* --- another daemon's ---------------------------------------------------------------------- */

/* The daemon died between writing its events and the view: nobody has read them. */
static gboolean is_premature(const struct fs *fs, const struct record *record)
{
    struct service *service = service_get(fs, record->words[1]);
    if (service)
        restore_lists(service);
    return service && record->words[2] > service->version;
}

static void restore_event(struct fs *fs, struct record *record)
{
    struct stream *stream = fs->events->stream;
    g_autofree char *path = state_get_bytes(fs->state, record, NULL);
    const char *verb = path + strlen(path) + 1;
    const char *line = verb + strlen(verb) + 1;
    const struct stream_event event = {.service = record->words[1],
                                       .unix_ms = (gint64)record->words[3],
                                       .path = path,
                                       .verb = verb,
                                       .line = line};
    if (stream_start(stream) == stream_end(stream))
        stream_begin_at(stream, record->words[0]);
    stream_append(stream, &event);
    g_queue_push_tail(&fs->events->kept, record);
}

void events_restore(struct fs *fs)
{
    g_autoptr(GPtrArray) records = state_found_in_order(fs->state, RECORD_EVENT);
    fs->events->stream = stream_new(RING);
    for (guint i = 0; i < records->len; i++) {
        if (is_premature(fs, records->pdata[i]))
            state_remove(fs->state, records->pdata[i]);
        else
            restore_event(fs, records->pdata[i]);
    }
}

void events_restored(struct fs *fs)
{
    GHashTableIter iter;
    gpointer reader;
    if (g_hash_table_size(fs->events->readers) == 0)
        close_stream(fs);
    g_hash_table_iter_init(&iter, fs->events->readers);
    while (g_hash_table_iter_next(&iter, NULL, &reader))
        stream_check(fs->events->stream, reader);
}
