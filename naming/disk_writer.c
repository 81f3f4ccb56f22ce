/* SPDX-License-Identifier: MIT */
#include "naming/disk_writer.h"

#include "naming/disk_fsync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GATHER_US G_USEC_PER_SEC /* a file's changes in that time are one write */
#define PER_TURN 16              /* files begun in one turn of the loop */
#define RETRY_US G_USEC_PER_SEC
#define RETRY_MAX_US (60 * G_USEC_PER_SEC)
#define TROUBLE_APART_US (60 * G_USEC_PER_SEC)
#define LEFT_OVER_US (60 * G_USEC_PER_SEC) /* a new file that old is nobody's any more */
#define TEMPORARY "new."

struct disk_item {
    const struct disk_content *content;
    gpointer item; /* owned; NULL = none */
};

struct disk_entry {
    struct disk_writer *writer;
    char *name;
    struct disk_item wanted; /* to be written; in writer->waiting while there is one */
    struct disk_item flying; /* being written */
    gint64 due;              /* us; when `wanted` may be begun */
    GList link;
    int fd;     /* of the new file under way; -1 = none */
    char *path; /* of that */
};

struct disk_writer {
    struct timers *timers;
    char *dir;
    char *own; /* DIR/.nacosfs */
    struct trouble trouble;
    GHashTable *entries; /* name -> struct disk_entry, while it waits or is under way */
    GQueue waiting;      /* struct disk_entry, by due */
    guint under_way;
    struct disk_fsync *fsync;
    struct timer timer;
    gint64 retry_us;   /* the pause after the last failure; 0 = all is well */
    gint64 not_before; /* us; its end */
    gint64 told;       /* us; of the last trouble; 0 = none */
    guint64 number;    /* of the next new file */
};

/* --- one file ---------------------------------------------------------------------------------
 */

static gboolean write_all(int fd, GBytes *bytes)
{
    gsize left;
    const char *at = g_bytes_get_data(bytes, &left);

    while (left > 0) {
        ssize_t n = write(fd, at, left);

        if (n < 0 && errno != EINTR)
            return FALSE;
        at += MAX(n, 0);
        left -= (gsize)MAX(n, 0);
    }
    return TRUE;
}

static int open_new(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* The new file with its bytes; -1 and errno, and no file, if that fails. */
static int create_new(const char *path, GBytes *bytes)
{
    g_autofree char *dir = g_path_get_dirname(path);
    int fd = open_new(path);
    int error;

    if (fd < 0 && errno == ENOENT && g_mkdir_with_parents(dir, 0700) == 0)
        fd = open_new(path);
    if (fd < 0 || write_all(fd, bytes))
        return fd;
    error = errno;
    close(fd);
    unlink(path);
    errno = error;
    return -1;
}

int disk_writer_replace(const char *path, const char *text)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
    g_autofree char *new = g_strconcat(path, ".new", NULL);
    int error = 0, fd;

    unlink(new); /* of a process that died there */
    fd = create_new(new, bytes);
    if (fd < 0)
        return errno;
    if (fsync(fd) != 0 || rename(new, path) != 0)
        error = errno;
    close(fd);
    if (error != 0)
        unlink(new);
    return error;
}

/* --- one after the other -----------------------------------------------------------------------
 */

static void disk_item_clear(struct disk_item *item)
{
    if (item->item != NULL)
        item->content->release(g_steal_pointer(&item->item));
}

static void disk_entry_free(gpointer data)
{
    struct disk_entry *entry = data;

    if (entry->wanted.item != NULL)
        g_queue_unlink(&entry->writer->waiting, &entry->link);
    if (entry->fd >= 0) {
        close(entry->fd);
        unlink(entry->path);
    }
    disk_item_clear(&entry->wanted);
    disk_item_clear(&entry->flying);
    g_free(entry->path);
    g_free(entry->name);
    g_free(entry);
}

static void disk_writer_tell(struct disk_writer *writer, const char *name, int error)
{
    gint64 now = timers_now(writer->timers);
    g_autofree char *text =
        g_strdup_printf("cannot write %s/%s: %s", writer->dir, name, g_strerror(error));
    const struct naming_result result = {NAMING_LOCAL, "", text};

    if (writer->told != 0 && now - writer->told < TROUBLE_APART_US)
        return;
    writer->told = now;
    trouble_report(&writer->trouble, NULL, &result);
}

/* Something stands where the file should be, or no file can have that name: no use to try again. */
static gboolean is_hopeless(int error)
{
    return error == EISDIR || error == ENAMETOOLONG;
}

/* `entry` failed: unless there is something newer to write, the same once more after a pause. */
static void disk_entry_failed(struct disk_entry *entry, int error)
{
    struct disk_writer *writer = entry->writer;

    disk_writer_tell(writer, entry->name, error);
    if (is_hopeless(error))
        return;
    writer->retry_us = CLAMP(writer->retry_us * 2, RETRY_US, RETRY_MAX_US);
    writer->not_before = timers_now(writer->timers) + writer->retry_us;
    if (entry->wanted.item != NULL)
        return;
    entry->wanted = entry->flying;
    entry->flying.item = NULL;
    g_queue_push_head_link(&writer->waiting, &entry->link);
}

/* The new file is on the disk, or there is an error. */
static void disk_entry_finish(struct disk_entry *entry, int error)
{
    struct disk_writer *writer = entry->writer;
    g_autofree char *target = g_build_filename(writer->dir, entry->name, NULL);

    if (entry->fd >= 0)
        close(entry->fd);
    entry->fd = -1;
    if (error == 0 && rename(entry->path, target) != 0)
        error = errno;
    if (error != 0)
        unlink(entry->path);
    g_clear_pointer(&entry->path, g_free);
    if (error == 0)
        writer->retry_us = writer->not_before = 0;
    else
        disk_entry_failed(entry, error);
    disk_item_clear(&entry->flying);
    if (entry->wanted.item == NULL)
        g_hash_table_remove(writer->entries, entry->name);
}

/* An errno if there is no new file. */
static int disk_entry_create(struct disk_entry *entry)
{
    struct disk_writer *writer = entry->writer;
    g_autoptr(GBytes) bytes = entry->wanted.content->render(entry->wanted.item);

    g_queue_unlink(&writer->waiting, &entry->link);
    entry->flying = entry->wanted;
    entry->wanted.item = NULL;
    entry->path = g_strdup_printf("%s/" TEMPORARY "%d.%" G_GUINT64_FORMAT, writer->own,
                                  (int)getpid(), writer->number++);
    entry->fd = create_new(entry->path, bytes);
    return entry->fd < 0 ? errno : 0;
}

static void disk_writer_pump(gpointer user_data);

static void disk_entry_on_synced(int error, gpointer user_data)
{
    struct disk_entry *entry = user_data;
    struct disk_writer *writer = entry->writer;

    writer->under_way--;
    disk_entry_finish(entry, error);
    disk_writer_pump(writer);
}

static void disk_entry_begin(struct disk_entry *entry)
{
    struct disk_writer *writer = entry->writer;
    int error = disk_entry_create(entry);

    if (error == 0 && disk_fsync_start(writer->fsync, entry->fd, entry)) {
        writer->under_way++;
        return;
    }
    if (error == 0 && fsync(entry->fd) != 0)
        error = errno;
    disk_entry_finish(entry, error);
}

static struct disk_entry *disk_writer_next(struct disk_writer *writer)
{
    return g_queue_peek_head(&writer->waiting);
}

static void disk_writer_pump(gpointer user_data)
{
    struct disk_writer *writer = user_data;
    gint64 now = timers_now(writer->timers);
    struct disk_entry *entry;

    for (guint n = 0; n < PER_TURN && writer->under_way < DISK_FSYNC_ROOM; n++) {
        entry = disk_writer_next(writer);
        if (entry == NULL || entry->due > now || writer->not_before > now ||
            entry->flying.item != NULL)
            break;
        disk_entry_begin(entry);
    }
    entry = disk_writer_next(writer);
    if (entry != NULL && writer->under_way < DISK_FSYNC_ROOM && entry->flying.item == NULL)
        timer_set_at(&writer->timer, MAX(entry->due, writer->not_before));
}

/* What a process left that died while it wrote. */
static void remove_left_overs(const char *own)
{
    g_autoptr(GDir) dir = g_dir_open(own, 0, NULL);
    const char *name;
    struct stat st;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(own, name, NULL);

        if (g_str_has_prefix(name, TEMPORARY) && lstat(path, &st) == 0 &&
            g_get_real_time() - st.st_mtim.tv_sec * G_USEC_PER_SEC > LEFT_OVER_US)
            unlink(path);
    }
}

struct disk_writer *disk_writer_new(struct timers *timers, const char *dir,
                                    const struct trouble *trouble)
{
    struct disk_writer *writer = g_new0(struct disk_writer, 1);

    writer->timers = timers;
    writer->dir = g_strdup(dir);
    writer->own = g_build_filename(dir, DISK_WRITER_OWN, NULL);
    writer->trouble = *trouble;
    writer->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, disk_entry_free);
    writer->fsync = disk_fsync_new(disk_entry_on_synced);
    timer_init(&writer->timer, timers, disk_writer_pump, writer);
    remove_left_overs(writer->own);
    return writer;
}

/* Without waiting for anybody: each file is written and synced here. */
static void disk_writer_write_all(struct disk_writer *writer, gint64 end)
{
    struct disk_entry *entry;

    while ((entry = disk_writer_next(writer)) != NULL && writer->retry_us == 0 &&
           g_get_monotonic_time() < end) {
        int error = disk_entry_create(entry);

        if (error == 0 && fsync(entry->fd) != 0)
            error = errno;
        disk_entry_finish(entry, error);
    }
}

void disk_writer_free(struct disk_writer *writer, gint64 limit_us)
{
    gint64 end = g_get_monotonic_time() + limit_us;
    g_autoptr(GList) entries = g_hash_table_get_values(writer->entries);

    timer_stop(&writer->timer);
    disk_fsync_free(writer->fsync);
    for (const GList *at = entries; at != NULL; at = at->next) {
        struct disk_entry *entry = at->data;

        if (entry->fd >= 0)
            disk_entry_finish(entry, fsync(entry->fd) == 0 ? 0 : errno);
    }
    disk_writer_write_all(writer, end);
    g_hash_table_unref(writer->entries);
    g_free(writer->dir);
    g_free(writer->own);
    g_free(writer);
}

void disk_writer_put(struct disk_writer *writer, const char *name,
                     const struct disk_content *content, gpointer item)
{
    struct disk_entry *entry = g_hash_table_lookup(writer->entries, name);

    if (entry == NULL) {
        entry = g_new0(struct disk_entry, 1);
        entry->writer = writer;
        entry->name = g_strdup(name);
        entry->fd = -1;
        entry->link.data = entry;
        g_hash_table_insert(writer->entries, entry->name, entry);
    }
    if (entry->wanted.item == NULL) {
        entry->due = timers_now(writer->timers) + GATHER_US;
        g_queue_push_tail_link(&writer->waiting, &entry->link);
    }
    disk_item_clear(&entry->wanted);
    entry->wanted = (struct disk_item){content, item};
    if (!timer_is_set(&writer->timer))
        timer_set(&writer->timer, GATHER_US);
}
