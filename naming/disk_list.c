/* SPDX-License-Identifier: MIT */
#include "naming/disk_list.h"

#include "naming/codec.h"
#include "naming/disk_name.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Java reads lines that begin with '{' only. */
#define CHECKSUM "#sha256 "
#define NAME "#name "
#define NAME_MAX_BYTES 16384 /* of that line; no server takes a longer request */

const char disk_list_cache[] = "disk";
const char disk_list_failover[] = "failover";

struct disk_list_job {
    struct parse_job *parse;
    const char *source;
    gint64 age_us;
    disk_list_fn done;
    gpointer user_data;
};

/* --- the file ----------------------------------------------------------------------------------
 */

/* -1 and errno for what is not there or no plain file. Asked first, since opening a device or a
 * FIFO already does something. */
static int open_plain(const char *path, struct stat *st)
{
    int fd;

    if (fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW) != 0)
        return -1;
    errno = EINVAL;
    if (!S_ISREG(st->st_mode))
        return -1;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && (fstat(fd, st) != 0 || !S_ISREG(st->st_mode))) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

static char *read_all(int fd, gsize size, gsize *length)
{
    char *text = g_try_malloc(size + 1);
    ssize_t n = 0;

    *length = 0;
    while (text != NULL && *length < size &&
           ((n = read(fd, text + *length, size - *length)) > 0 || (n < 0 && errno == EINTR)))
        *length += n > 0 ? (gsize)n : 0;
    if (text == NULL || n < 0) {
        g_free(text);
        return NULL;
    }
    text[*length] = '\0';
    return text;
}

/* NULL and a reason. */
static char *read_plain(const char *path, struct stat *st, gsize *length, char **why)
{
    int fd = open_plain(path, st);
    char *text = NULL;

    if (fd < 0) {
        *why = g_strdup(errno == EINVAL ? "it is no plain file" : g_strerror(errno));
        return NULL;
    }
    if (st->st_size > DISK_LIST_MAX)
        *why = g_strdup("it is longer than any list");
    else if ((text = read_all(fd, (gsize)st->st_size, length)) == NULL)
        *why = g_strdup(g_strerror(errno));
    close(fd);
    return text;
}

/* --- what is in it -----------------------------------------------------------------------------
 */

static gboolean checksum_is_right(const char *text, gsize length)
{
    const char *line = g_strrstr_len(text, (gssize)length, "\n" CHECKSUM);
    g_autofree char *sum = NULL;

    if (line == NULL)
        return TRUE;
    line++;
    sum =
        g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text, (gsize)(line - text));
    return strncmp(line + strlen(CHECKSUM), sum, strlen(sum)) == 0;
}

/* The first line that begins with '{', cut out of `text`; NULL if there is none. */
static char *next_object(char **at, gsize *length)
{
    while (*at != NULL) {
        char *line = *at;
        char *end = strchr(line, '\n');

        *length = end == NULL ? strlen(line) : (gsize)(end - line);
        *at = end == NULL ? NULL : end + 1;
        if (*line == '{')
            return line;
    }
    return NULL;
}

/* An Instance a line, as the hosts of one list; NULL if no line looks like one. Servers of that age
 * had no names that JSON must escape. */
static struct service_info *old_format(char *text, const struct service_key *key)
{
    g_autofree char *grouped = service_key_grouped(key);
    g_autoptr(GString) json = g_string_new(NULL);
    gsize length;
    char *line;

    g_string_printf(json, "{\"name\":\"%s\",\"hosts\":[", grouped);
    for (guint n = 0; (line = next_object(&text, &length)) != NULL; n++) {
        if (n > 0)
            g_string_append_c(json, ',');
        g_string_append_len(json, line, (gssize)length);
    }
    g_string_append(json, "]}");
    return codec_service_info(json->str, json->len, key, NULL, NULL);
}

/* New reference; NULL and the first line's reason. */
static struct service_info *parse_lines(char *text, const struct service_key *key, char **why)
{
    struct service_info *info = NULL;
    char *at = text, *line;
    gsize length;

    while ((line = next_object(&at, &length)) != NULL) {
        struct service_info *one =
            codec_service_info(line, length, key, NULL, *why == NULL ? why : NULL);

        if (one == NULL)
            continue;
        service_info_unref(info);
        info = one;
    }
    if (info == NULL && *why != NULL)
        info = old_format(text, key);
    if (info != NULL && info->n_hosts == 0 && *why != NULL)
        g_clear_pointer(&info, service_info_unref); /* lines, but no instance in them */
    if (info == NULL && *why == NULL)
        *why = g_strdup("there is no list in it");
    return info;
}

/* --- the two ways ------------------------------------------------------------------------------
 */

static void tell(struct service_info *info, const char *why, const struct disk_list_job *job)
{
    const struct disk_list list = {info, why, job->age_us};

    if (info != NULL) {
        info->source = job->source;
        info->written = g_get_monotonic_time() - job->age_us;
    }
    job->done(&list, job->user_data);
}

static void on_parsed(struct service_info *info, const char *why, gpointer user_data)
{
    g_autofree struct disk_list_job *job = user_data;
    g_autoptr(service_info) owned = info;

    tell(owned, why, job);
}

/* FALSE if there is no line for the worker, or no room for it. */
static gboolean parse_later(struct disk_list_job *job, const struct disk_list_file *file,
                            char *text)
{
    gsize length;
    const char *line = next_object(&text, &length);

    if (line == NULL)
        return FALSE;
    job->parse =
        parse_worker_add(file->worker, g_strndup(line, length), length, file->key, on_parsed, job);
    return job->parse != NULL;
}

gboolean disk_list_read(const struct disk_list_file *file, disk_list_fn done, gpointer user_data,
                        struct disk_list_job **job)
{
    struct disk_list_job now = {.source = file->source, .done = done, .user_data = user_data};
    g_autoptr(service_info) info = NULL;
    g_autofree char *text = NULL, *why = NULL;
    struct stat st;
    gsize length;

    *job = NULL;
    if (fstatat(AT_FDCWD, file->path, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return FALSE;
    text = read_plain(file->path, &st, &length, &why);
    now.age_us = MAX(g_get_real_time() - st.st_mtim.tv_sec * G_USEC_PER_SEC, 0);
    if (text != NULL && !checksum_is_right(text, length)) {
        why = g_strdup("its checksum is wrong");
    } else if (text != NULL && length >= PARSE_WORKER_FROM) {
        *job = g_memdup2(&now, sizeof now);
        if (parse_later(*job, file, text))
            return TRUE;
        g_clear_pointer(job, g_free);
        why = g_strdup("there is no list in it, or too much to do");
    } else if (text != NULL) {
        info = parse_lines(text, file->key, &why);
    }
    tell(info, why != NULL ? why : "", &now);
    return TRUE;
}

void disk_list_cancel(struct disk_list_job *job)
{
    parse_job_cancel(job->parse);
    g_free(job);
}

/* --- what we write -----------------------------------------------------------------------------
 */

GBytes *disk_list_render(const struct service_info *info)
{
    GString *out = g_string_new(NULL);
    g_autofree char *name = disk_name_whole(&info->key, info->clusters);
    g_autofree char *json = service_info_to_json(info);
    g_autofree char *sum = NULL;

    if (strlen(name) > DISK_NAME_MAX)
        g_string_printf(out, NAME "%s\n", name);
    g_string_append(out, json);
    sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, out->str, (gssize)out->len);
    g_string_append_printf(out, CHECKSUM "%s\n", sum);
    return g_string_free_to_bytes(out);
}

/* What stands behind NAME in the first line; NULL if that is another line. New string. */
static char *read_name(const char *path)
{
    struct stat st;
    int fd = open_plain(path, &st);
    gsize length = 0;
    g_autofree char *text = fd < 0 ? NULL : read_all(fd, NAME_MAX_BYTES, &length);
    char *end = text == NULL ? NULL : strchr(text, '\n');

    if (fd >= 0)
        close(fd);
    if (end == NULL || !g_str_has_prefix(text, NAME))
        return NULL;
    return g_strndup(text + strlen(NAME), (gsize)(end - text) - strlen(NAME));
}

struct service_key *disk_list_key(const char *dir, const char *name, char **clusters)
{
    g_autofree char *path = NULL, *whole = NULL, *shortened = NULL;
    g_autoptr(service_key) key = NULL;

    if (!disk_name_is_short(name))
        return disk_name_parse(name, clusters);
    *clusters = NULL;
    path = g_build_filename(dir, name, NULL);
    whole = read_name(path);
    key = whole == NULL ? NULL : disk_name_parse(whole, clusters);
    if (key == NULL)
        return NULL;
    shortened = disk_name(key, *clusters);
    if (strcmp(shortened, name) == 0)
        return g_steal_pointer(&key);
    g_clear_pointer(clusters, g_free);
    return NULL;
}
