/* SPDX-License-Identifier: MIT */
#include "fs/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX 4096 /* bytes */

static const struct {
    const char *name;
    gsize offset;
} fields[] = {
    {"username", G_STRUCT_OFFSET(struct naming_credentials, username)},
    {"password", G_STRUCT_OFFSET(struct naming_credentials, password)},
    {"access_key", G_STRUCT_OFFSET(struct naming_credentials, access_key)},
    {"secret_key", G_STRUCT_OFFSET(struct naming_credentials, secret_key)},
};

static char *take_variable(const char *name)
{
    char *value = getenv(name);
    char *taken = g_strdup(value);
    if (value)
        explicit_bzero(value, strlen(value));
    unsetenv(name);
    return taken;
}

void credentials_take_environment(struct naming_credentials *environment)
{
    *environment = (struct naming_credentials){.username = take_variable("NACOS_USERNAME"),
                                               .password = take_variable("NACOS_PASSWORD")};
}

static void give_variable(const char *name, const char *value)
{
    if (value)
        setenv(name, value, TRUE);
}

void credentials_give_environment(const struct naming_credentials *environment)
{
    give_variable("NACOS_USERNAME", environment->username);
    give_variable("NACOS_PASSWORD", environment->password);
}

/* --- the file ------------------------------------------------------------------------------ */

static const char *distrust(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return g_strerror(errno);
    if (!S_ISREG(st.st_mode))
        return "not a regular file";
    if (st.st_uid != geteuid())
        return "belongs to another user";
    if (st.st_mode & 077)
        return "others may read or write it (chmod 600)";
    return st.st_size >= FILE_MAX ? "too long" : NULL;
}

static gboolean take_line(struct naming_credentials *credentials, const char *line, gsize length)
{
    const char *equals = memchr(line, '=', length);
    if (length == 0 || *line == '#')
        return TRUE;
    for (guint i = 0; equals && i < G_N_ELEMENTS(fields); i++) {
        char **field = G_STRUCT_MEMBER_P(credentials, fields[i].offset);
        gsize name = (gsize)(equals - line);
        if (strlen(fields[i].name) != name || memcmp(fields[i].name, line, name) != 0)
            continue;
        if (*field || name + 1 == length)
            return FALSE;
        *field = g_strndup(equals + 1, length - name - 1);
        return TRUE;
    }
    return FALSE;
}

static const char *take_text(struct naming_credentials *credentials, const char *text, gsize size)
{
    if (memchr(text, '\0', size))
        return "not a text";
    while (size > 0) {
        const char *newline = memchr(text, '\n', size);
        gsize length = newline ? (gsize)(newline - text) : size;
        gsize used = newline ? length + 1 : length;
        if (length > 0 && text[length - 1] == '\r')
            length--;
        if (!take_line(credentials, text, length))
            return "a line that is not username=, password=, access_key= or secret_key=, each once";
        text += used;
        size -= used;
    }
    return NULL;
}

static const char *read_file(struct naming_credentials *credentials, int fd)
{
    char text[FILE_MAX];
    const char *reason = distrust(fd);
    if (reason)
        return reason;
    ssize_t size = read(fd, text, sizeof text);
    if (size < 0)
        return g_strerror(errno);
    reason = take_text(credentials, text, (gsize)size);
    explicit_bzero(text, sizeof text);
    return reason;
}

/* A FIFO or a device must not hold us up, and a link not lead elsewhere. */
static gboolean load_file(struct naming_credentials *credentials, const char *file, char **why)
{
    int fd = open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    const char *reason = fd < 0 ? g_strerror(errno) : read_file(credentials, fd);
    if (fd >= 0)
        close(fd);
    if (reason)
        *why = g_strdup_printf("credentials %s: %s", file, reason);
    return !reason;
}

/* --- all of it ----------------------------------------------------------------------------- */

static void replace(char **field, const char *value)
{
    g_free(*field);
    *field = g_strdup(value);
}

static gboolean check(const struct naming_credentials *credentials, char **why)
{
    if (credentials->username && !credentials->password)
        *why = g_strdup("a username without a password: that is NACOS_PASSWORD, or in credentials");
    else if (credentials->password && !credentials->username)
        *why = g_strdup("a password without a username");
    else if (!credentials->access_key != !credentials->secret_key)
        *why = g_strdup("access_key and secret_key go together");
    return !*why;
}

gboolean credentials_load(const struct credentials_source *source,
                          struct naming_credentials *credentials, char **why)
{
    *credentials = (struct naming_credentials){0};
    *why = NULL;
    gboolean good = !source->file || load_file(credentials, source->file, why);
    if (good) {
        if (source->username)
            replace(&credentials->username, source->username);
        else if (!credentials->username)
            replace(&credentials->username, source->environment->username);
        if (!credentials->password && credentials->username)
            replace(&credentials->password, source->environment->password);
        good = check(credentials, why);
    }
    if (!good)
        naming_credentials_clear(credentials);
    return good;
}
