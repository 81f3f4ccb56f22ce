/* SPDX-License-Identifier: MIT */
#include "fs/registry_log.h"

#include "fs/wakeup.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#define NAME "nacos-registry: "
#define LOG_TURNS 64
#define MOST_LINE 4096 /* bytes kept as one line */

void registry_log_init(struct registry_log *log)
{
    *log = (struct registry_log){.fd = -1, .line = g_string_new(NULL)};
}

void registry_log_clear(struct registry_log *log)
{
    registry_log_drop(log);
    g_string_free(log->line, TRUE);
    g_free(log->last_line);
}

char *registry_log_last(const struct registry_log *log)
{
    if (!log->last_line)
        return NULL;
    gboolean named = g_str_has_prefix(log->last_line, NAME);
    return g_strconcat(named ? "" : NAME, log->last_line, NULL);
}

static void end_line(struct registry_log *log)
{
    if (!log->line->len)
        return;
    g_free(log->last_line);
    log->last_line = g_strndup(log->line->str, log->line->len);
    g_string_truncate(log->line, 0);
    if (!log->source)
        return;
    g_autofree char *line = registry_log_last(log);
    g_message("%s", line);
}

/* Bounded: it may write faster than we read. */
gboolean registry_log_read(struct registry_log *log)
{
    char bytes[1024];
    ssize_t length = 1;
    for (int turn = 0; turn < LOG_TURNS && length > 0; turn++) {
        length = read(log->fd, bytes, sizeof bytes);
        for (ssize_t i = 0; i < length; i++) {
            if (bytes[i] == '\n' || log->line->len == MOST_LINE)
                end_line(log);
            if (bytes[i] != '\n')
                g_string_append_c(log->line, bytes[i]);
        }
    }
    if (length == 0)
        end_line(log);
    return length > 0 || (length < 0 && (errno == EAGAIN || errno == EINTR));
}

static gboolean log_readable(int fd, GIOCondition condition, gpointer user_data)
{
    return registry_log_read(user_data) ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

void registry_log_watch(struct registry_log *log)
{
    log->source = g_unix_fd_source_new(log->fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
    g_source_set_callback(log->source, G_SOURCE_FUNC(log_readable), log, NULL);
    g_source_attach(log->source, g_main_context_get_thread_default());
}

void registry_log_drop(struct registry_log *log)
{
    wakeup_clear(&log->source);
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}
