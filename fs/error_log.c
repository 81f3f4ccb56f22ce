/* SPDX-License-Identifier: MIT */
#include "fs/error_log.h"

#include "fs/render.h"

#include <string.h>

#define MAX_TEXT 1024 /* bytes kept of each string */
#define MERGE_MS 1000

struct record {
    gint64 time_ms; /* of the first, wall clock */
    int error;
    char *path;
    char *server;
    char *text;
    guint64 count;
};

struct error_log {
    GQueue records; /* struct record *, oldest first, at most ERROR_LOG_ROOM */
};

static void record_free(gpointer data)
{
    struct record *record = data;
    g_free(record->path);
    g_free(record->server);
    g_free(record->text);
    g_free(record);
}

struct error_log *error_log_new(void)
{
    return g_new0(struct error_log, 1);
}

void error_log_free(struct error_log *log)
{
    if (log == NULL)
        return;
    g_queue_clear_full(&log->records, record_free);
    g_free(log);
}

/* The wall clock may jump: a record of the future merges with nothing. */
static struct record *find_recent(struct error_log *log, const struct record *like)
{
    for (GList *l = log->records.tail; l != NULL; l = l->prev) {
        struct record *record = l->data;
        gint64 age = like->time_ms - record->time_ms;
        if (age >= 0 && age < MERGE_MS && record->error == like->error &&
            strcmp(record->path, like->path) == 0 && strcmp(record->text, like->text) == 0)
            return record;
    }
    return NULL;
}

void error_log_add(struct error_log *log, gint64 now_ms, int error, const char *path,
                   const char *server, const char *text)
{
    struct record *record = g_new(struct record, 1);
    *record = (struct record){now_ms,
                              error,
                              g_strndup(path, MAX_TEXT),
                              g_strndup(server, MAX_TEXT),
                              g_strndup(text, MAX_TEXT),
                              1};
    struct record *recent = find_recent(log, record);
    if (recent != NULL) {
        recent->count++;
        record_free(record);
        return;
    }
    g_queue_push_tail(&log->records, record);
    if (log->records.length > ERROR_LOG_ROOM)
        record_free(g_queue_pop_head(&log->records));
}

GBytes *error_log_render(const struct error_log *log)
{
    GString *out = g_string_new(NULL);
    for (const GList *l = log->records.head; l != NULL; l = l->next) {
        const struct record *record = l->data;
        render_field_int(out, "time", record->time_ms);
        render_field(out, "errno", error_name(record->error));
        render_field(out, "path", record->path);
        render_field(out, "server", record->server);
        render_field(out, "text", record->text);
        if (record->count > 1)
            render_field_int(out, "count", (gint64)record->count);
        g_string_append_c(out, '\n');
    }
    return g_string_free_to_bytes(out);
}

const char *error_name(int error)
{
    const char *name = error > 0 ? strerrorname_np(error) : NULL;
    return name != NULL ? name : "E?";
}
