/* SPDX-License-Identifier: MIT */
#include "naming/registry/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* NULL if it is as it must be. */
static const char *what_is_wrong(int fd)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return g_strerror(errno);
    if (!S_ISREG(status.st_mode))
        return "not a regular file";
    if (status.st_uid != geteuid())
        return "belongs to somebody else";
    if (status.st_mode & (S_IRWXG | S_IRWXO))
        return "others can get at it (chmod 600)";
    return status.st_size > SECRET_FILE_MAX ? "too long" : NULL;
}

static char *refuse(const char *path, const char *why, GError **error)
{
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", path, why);
    return NULL;
}

char *secret_file_read(const char *path, gsize *length, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return refuse(path, g_strerror(errno), error);
    const char *why = what_is_wrong(fd);
    char *text = g_malloc0(SECRET_FILE_MAX + 1);
    ssize_t size = why ? -1 : read(fd, text, SECRET_FILE_MAX);
    if (size < 0 && !why)
        why = g_strerror(errno);
    close(fd);
    if (!why) {
        *length = (gsize)size;
        return text;
    }
    secret_free(text);
    return refuse(path, why, error);
}

void secret_free(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    g_free(text);
}
