/* SPDX-License-Identifier: MIT */
#include "fs/error.h"

#include "fs/error_log.h"

#include <errno.h>

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
