/* SPDX-License-Identifier: MIT */
#include "fs/remembered.h"

#include "fs/escape.h"
#include "fs/group.h"
#include "fs/parse.h"
#include "fs/registered.h"
#include "fs/render.h"
#include "fs/service.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN_DIR ".nacosfs"
#define FILE_PREFIX "registered."
#define LOCK_PREFIX "lock."
#define GATHER_MS 100
#define LOCK_AGAIN_MS 2000
#define LOOK_MS 500 /* how often, and how many times, mounts that ended are looked for */
#define LOOKS 20
#define FILE_MAX (64 * 1024 * 1024) /* bytes */

struct remembered {
    struct fs *fs;
    char *dir;       /* cache_dir/.nacosfs */
    char *path;      /* of our file in it */
    char *lock_path; /* of our lock */
    int lock;        /* -1 = nothing to write down yet, or not possible */
    guint timer;     /* source id; 0 = nothing changed */
    gboolean again;  /* not the mount's first daemon */
    guint look_timer, looks;
};

/* --- locks --------------------------------------------------------------------------------- */

/* -1 if somebody else holds it. */
static int take_lock(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* --- what is written -------------------------------------------------------------------------- */

static gboolean is_left(const struct remembered *remembered, const struct registered *own)
{
    gboolean outlives = !own->instance.ephemeral || remembered->fs->options->keep_registered;
    return outlives && !own->lease && !own->ending;
}

static GString *draw_up(const struct remembered *remembered)
{
    const struct fs *fs = remembered->fs;
    GString *out = g_string_new(NULL);
    for (guint i = 1; i <= slots_high(fs->registrations); i++) {
        const struct registered *own = slots_at(fs->registrations, i);
        if (!own || !is_left(remembered, own))
            continue;
        const struct service *service = service_get(fs, own->service);
        escape_append(out, service->key.group, "");
        g_string_append_c(out, ' ');
        escape_append(out, service->key.name, "");
        g_string_append_c(out, ' ');
        render_line(out, &own->instance);
    }
    return out;
}

/* --- taking over --------------------------------------------------------------------------- */

static void take_over(struct fs *fs, const char *group_name, const char *name,
                      const struct instance *instance)
{
    struct group *group = group_obtain(fs, group_name);
    struct service *service = NULL;
    const struct service_key key = {.group = (char *)group_name, .name = (char *)name};
    if (group)
        service = service_of_key(fs, &key);
    if (group && !service)
        service = service_new(group, name);
    if (!service || registered_find(service, instance))
        return;
    registered_take_over(service, instance);
    naming_adopt(fs->naming, &service->key, instance, 0);
    service_update(service);
    group_sync(group);
}

/* GROUP SERVICE LINE; what does not look like that is left out. */
static gboolean take_over_line(struct fs *fs, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 3);
    g_autofree char *group = NULL, *name = NULL, *why = NULL;
    g_auto(instance) instance = {0};
    if (g_strv_length(words) != 3)
        return FALSE;
    group = escape_undo(words[0], strlen(words[0]));
    name = escape_undo(words[1], strlen(words[1]));
    if (!group || !*group || !name || !*name ||
        !parse_instance(words[2], strlen(words[2]), NULL, &instance, &why))
        return FALSE;
    take_over(fs, group, name, &instance);
    return TRUE;
}

static char *read_plain(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    g_autofree char *text = NULL;
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX) {
        text = g_malloc0((gsize)st.st_size + 1);
        if (read(fd, text, (gsize)st.st_size) != st.st_size)
            g_clear_pointer(&text, g_free);
    }
    close(fd);
    return g_steal_pointer(&text);
}

static void take_over_file(const struct remembered *remembered, const char *path)
{
    g_autofree char *text = read_plain(path);
    g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;
    guint taken = 0, senseless = 0;
    for (char **line = lines; line && *line; line++)
        if (**line && take_over_line(remembered->fs, *line))
            taken++;
        else if (**line)
            senseless++;
    if (taken || senseless)
        g_message("%s: %u registrations taken over, %u lines that make no sense", path, taken,
                  senseless);
}

/* Whoever had this mount point before has let go of it then: what that left is ours. */
static gboolean own_lock(struct remembered *remembered)
{
    if (remembered->lock >= 0)
        return TRUE;
    if (g_mkdir_with_parents(remembered->dir, 0700) == 0)
        remembered->lock = take_lock(remembered->lock_path);
    if (remembered->lock >= 0 && !remembered->again)
        take_over_file(remembered, remembered->path);
    return remembered->lock >= 0;
}

static gboolean write_down(gpointer user_data)
{
    struct remembered *remembered = user_data;
    g_autoptr(GString) text = draw_up(remembered);
    remembered->timer = 0;
    if (text->len == 0 && remembered->lock < 0) /* as long as there never was one, no file */
        return G_SOURCE_REMOVE;
    if (!own_lock(remembered)) {
        remembered->timer = g_timeout_add(LOCK_AGAIN_MS, write_down, remembered);
        return G_SOURCE_REMOVE;
    }
    g_string_free(text, TRUE);
    text = draw_up(remembered); /* with what was taken over along with the lock */
    naming_keep_file(remembered->fs->naming, strrchr(remembered->path, '/') + 1,
                     g_bytes_new(text->str, text->len));
    return G_SOURCE_REMOVE;
}

void remembered_changed(struct remembered *remembered)
{
    if (remembered && !remembered->timer)
        remembered->timer = g_timeout_add(GATHER_MS, write_down, remembered);
}

/* What is taken over stands in our own file before it goes from the others'. */
static void save_now(struct remembered *remembered, const GPtrArray *others)
{
    g_autoptr(GString) text = draw_up(remembered);
    if (!own_lock(remembered) ||
        !g_file_set_contents_full(remembered->path, text->str, (gssize)text->len,
                                  G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL))
        return;
    for (guint i = 0; i < others->len; i++)
        unlink(others->pdata[i]);
}

/* The file of an ended mount, unless its lock is held. */
static void take_over_from(struct remembered *remembered, const char *name, GPtrArray *others,
                           GArray *locks)
{
    g_autofree char *path = g_build_filename(remembered->dir, name, NULL);
    g_autofree char *lock_path =
        g_strconcat(remembered->dir, "/" LOCK_PREFIX, name + strlen(FILE_PREFIX), NULL);
    int lock = take_lock(lock_path);
    if (lock < 0)
        return;
    take_over_file(remembered, path);
    g_array_append_val(locks, lock);
    g_ptr_array_add(others, g_steal_pointer(&path));
    g_ptr_array_add(others, g_steal_pointer(&lock_path));
}

static void take_over_all(struct remembered *remembered)
{
    g_autoptr(GDir) dir = g_dir_open(remembered->dir, 0, NULL);
    g_autoptr(GPtrArray) others = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) locks = g_array_new(FALSE, FALSE, sizeof(int));
    const char *name;
    if (access(remembered->path, F_OK) == 0)
        own_lock(remembered);
    while (dir && (name = g_dir_read_name(dir)))
        if (g_str_has_prefix(name, FILE_PREFIX) && !g_str_has_suffix(remembered->path, name))
            take_over_from(remembered, name, others, locks);
    if (others->len)
        save_now(remembered, others);
    for (guint i = 0; i < locks->len; i++)
        close(g_array_index(locks, int, i));
}

/* The mount before may be at its goodbyes still. */
static gboolean look_again(gpointer user_data)
{
    struct remembered *remembered = user_data;
    take_over_all(remembered);
    if (--remembered->looks)
        return G_SOURCE_CONTINUE;
    remembered->look_timer = 0;
    return G_SOURCE_REMOVE;
}

struct remembered *remembered_new(struct fs *fs, gboolean again)
{
    if (strcmp(fs->options->cache_dir, "none") == 0)
        return NULL;
    struct remembered *remembered = g_new0(struct remembered, 1);
    /* names the mount as long as it lives, whatever becomes of its processes */
    g_autofree char *name =
        g_compute_checksum_for_string(G_CHECKSUM_SHA256, fs->options->mountpoint, -1);
    remembered->fs = fs;
    remembered->dir = g_build_filename(fs->options->cache_dir, OWN_DIR, NULL);
    remembered->path = g_strdup_printf("%s/" FILE_PREFIX "%.16s", remembered->dir, name);
    remembered->lock_path = g_strdup_printf("%s/" LOCK_PREFIX "%.16s", remembered->dir, name);
    remembered->lock = -1;
    remembered->looks = LOOKS;
    remembered->again = again;
    if (again) {
        remembered_changed(remembered);
        return remembered;
    }
    take_over_all(remembered);
    remembered->look_timer = g_timeout_add(LOOK_MS, look_again, remembered);
    return remembered;
}

void remembered_end(struct remembered *remembered)
{
    if (!remembered)
        return;
    g_clear_handle_id(&remembered->timer, g_source_remove);
    g_clear_handle_id(&remembered->look_timer, g_source_remove);
    write_down(remembered);
    g_clear_handle_id(&remembered->timer, g_source_remove);
}

void remembered_free(struct remembered *remembered)
{
    struct stat st;
    if (!remembered)
        return;
    if (remembered->lock >= 0 && stat(remembered->path, &st) == 0 && st.st_size == 0) {
        unlink(remembered->path);
        unlink(remembered->lock_path);
    }
    if (remembered->lock >= 0)
        close(remembered->lock);
    g_free(remembered->dir);
    g_free(remembered->path);
    g_free(remembered->lock_path);
    g_free(remembered);
}
