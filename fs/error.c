/* SPDX-License-Identifier: MIT */
#include "fs/error.h"

#include "fs/error_log.h"
#include "fs/kept.h"
#include "fs/state.h"

#include <errno.h>
#include <string.h>

int error_of_status(enum naming_status status)
{
    switch (status) {
    case NAMING_OK:
        return 0;
    case NAMING_INVALID:
        return EINVAL;
    case NAMING_DENIED:
        return EACCES;
    case NAMING_NOT_FOUND:
        return ENOENT;
    case NAMING_REMOTE:
        return EREMOTEIO;
    case NAMING_UNREACHABLE:
        return EHOSTUNREACH;
    case NAMING_TIMEOUT:
        return ETIMEDOUT;
    case NAMING_LOCAL:
        return EIO;
    }
    return EIO;
}

static void changed(struct error_entry *entry, gpointer user_data)
{
    kept_error(user_data, entry);
}

/* Path, server and text, if the bytes are those. */
static gboolean split(char *bytes, gsize length, struct error_entry *entry)
{
    char **parts[] = {&entry->path, &entry->server, &entry->text};
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        gsize part = strnlen(bytes, length);
        if (part == length)
            return FALSE;
        *parts[i] = bytes;
        bytes += part + 1;
        length -= part + 1;
    }
    return length == 0;
}

static void restore(struct fs *fs, struct record *record)
{
    gsize length;
    g_autofree char *bytes = state_get_bytes(fs->state, record, &length);
    struct error_entry entry = {.number = record->id,
                                .time_ms = (gint64)record->words[0],
                                .error = (int)record->words[1],
                                .count = record->words[2],
                                .kept = record};
    if (entry.count && split(bytes, length, &entry))
        error_log_restore(fs->errors, &entry);
    else
        state_remove(fs->state, record);
}

void error_init(struct fs *fs)
{
    g_autoptr(GPtrArray) records = state_found_in_order(fs->state, RECORD_ERROR);
    fs->errors = error_log_new(changed, fs);
    for (guint i = 0; i < records->len; i++)
        restore(fs, records->pdata[i]);
}

static void log_error(struct fs *fs, int error, const char *path, const char *server,
                      const char *text)
{
    error_log_add(fs->errors, g_get_real_time() / 1000, error, path, server, text);
    g_info("%s: %s: %s%s%s", path, error_name(error), text, *server ? " from " : "", server);
}

int error_report(struct fs *fs, const struct naming_result *result, const char *path)
{
    int error = error_of_status(result->status);
    if (error)
        log_error(fs, error, path, result->server, result->text);
    return error;
}

int error_note(struct fs *fs, int error, const char *path, const char *text)
{
    log_error(fs, error, path, "", text);
    return error;
}
