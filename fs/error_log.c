/* SPDX-License-Identifier: MIT */
#include "fs/error_log.h"

#include "fs/render.h"

#include <string.h>

#define MAX_TEXT 1024 /* bytes kept of each string */
#define MERGE_MS 1000

struct error_log {
    GQueue entries;  /* struct error_entry *, oldest first, at most ERROR_LOG_ROOM */
    guint64 numbers; /* given out */
    void (*changed)(struct error_entry *entry, gpointer user_data);
    gpointer user_data;
};

static void entry_free(gpointer data)
{
    struct error_entry *entry = data;
    g_free(entry->path);
    g_free(entry->server);
    g_free(entry->text);
    g_free(entry);
}

static struct error_entry *entry_copy(const struct error_entry *from)
{
    struct error_entry *entry = g_new(struct error_entry, 1);
    *entry = *from;
    entry->path = g_strndup(from->path, MAX_TEXT);
    entry->server = g_strndup(from->server, MAX_TEXT);
    entry->text = g_strndup(from->text, MAX_TEXT);
    return entry;
}

struct error_log *error_log_new(void (*changed)(struct error_entry *entry, gpointer user_data),
                                gpointer user_data)
{
    struct error_log *log = g_new0(struct error_log, 1);
    log->changed = changed;
    log->user_data = user_data;
    return log;
}

void error_log_free(struct error_log *log)
{
    if (log == NULL)
        return;
    g_queue_clear_full(&log->entries, entry_free);
    g_free(log);
}

static void tell(const struct error_log *log, struct error_entry *entry)
{
    if (log->changed)
        log->changed(entry, log->user_data);
}

/* The wall clock may jump: an entry of the future merges with nothing. */
static struct error_entry *find_recent(struct error_log *log, const struct error_entry *like)
{
    for (GList *l = log->entries.tail; l != NULL; l = l->prev) {
        struct error_entry *entry = l->data;
        gint64 age = like->time_ms - entry->time_ms;
        if (age >= 0 && age < MERGE_MS && entry->error == like->error &&
            strcmp(entry->path, like->path) == 0 && strcmp(entry->text, like->text) == 0)
            return entry;
    }
    return NULL;
}

static void drop_oldest(struct error_log *log)
{
    struct error_entry *oldest = g_queue_pop_head(&log->entries);
    oldest->count = 0;
    tell(log, oldest);
    entry_free(oldest);
}

void error_log_add(struct error_log *log, gint64 now_ms, int error, const char *path,
                   const char *server, const char *text)
{
    const struct error_entry given = {.number = log->numbers,
                                      .time_ms = now_ms,
                                      .error = error,
                                      .path = (char *)path,
                                      .server = (char *)server,
                                      .text = (char *)text,
                                      .count = 1};
    struct error_entry *entry = entry_copy(&given);
    struct error_entry *recent = find_recent(log, entry);
    if (recent != NULL) {
        recent->count++;
        tell(log, recent);
        entry_free(entry);
        return;
    }
    log->numbers++;
    g_queue_push_tail(&log->entries, entry);
    tell(log, entry);
    if (log->entries.length > ERROR_LOG_ROOM)
        drop_oldest(log);
}

void error_log_restore(struct error_log *log, const struct error_entry *entry)
{
    g_queue_push_tail(&log->entries, entry_copy(entry));
    log->numbers = entry->number + 1;
}

GBytes *error_log_render(const struct error_log *log)
{
    GString *out = g_string_new(NULL);
    for (const GList *l = log->entries.head; l != NULL; l = l->next) {
        const struct error_entry *entry = l->data;
        render_field_int(out, "time", entry->time_ms);
        render_field(out, "errno", error_name(entry->error));
        render_field(out, "path", entry->path);
        render_field(out, "server", entry->server);
        render_field(out, "text", entry->text);
        if (entry->count > 1)
            render_field_int(out, "count", (gint64)entry->count);
        g_string_append_c(out, '\n');
    }
    return g_string_free_to_bytes(out);
}

const char *error_name(int error)
{
    const char *name = error > 0 ? strerrorname_np(error) : NULL;
    return name != NULL ? name : "E?";
}
