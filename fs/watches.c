/* SPDX-License-Identifier: MIT */
#include "fs/watches.h"

#include "fs/mountinfo.h"
#include "fs/tree.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ROUND_MS 5000
#define HURRY_MS 1000
#define ALL_PROCESSES "pid:[4026531836]" /* the first pid namespace: PROC_PID_INIT_INO */

struct watches {
    char *mountpoint;
    char *device;      /* how the mount's stands in a line: " sdev:2e "; NULL = not known yet */
    GHashTable *ids;   /* set of guint64: the last complete round's result */
    GHashTable *seen;  /* by the round under way */
    gboolean complete; /* of `ids` */
    gboolean seen_all; /* of `seen` */
    guint rounds;
    gboolean hurried; /* a round is to begin that has not */
    GDir *processes;  /* the round under way; NULL between rounds */
    guint source;     /* the next turn */
};

/* The device as the kernel keeps it: major << 20 | minor. NULL if it is not mounted (yet). */
static char *device_field(const char *mountpoint)
{
    g_autofree char *type = NULL;
    guint64 device;
    if (!mountinfo_at(mountpoint, &type, &device))
        return NULL;
    return g_strdup_printf(" sdev:%x ", major(device) << 20 | minor(device));
}

static gboolean is_inotify(const char *process, const char *fd)
{
    char target[64];
    g_autofree char *path = g_strdup_printf("/proc/%s/fd/%s", process, fd);
    gssize n = readlink(path, target, sizeof target - 1);
    target[MAX(n, 0)] = '\0';
    return strcmp(target, "anon_inode:inotify") == 0;
}

/* FUSE's file handle is the node id, upper half first, and a generation; in the memory's order,
 * two digits a byte. 0 if the line has none. */
static guint64 handle_node(const char *line)
{
    const char *digits = strstr(line, " f_handle:");
    guint8 bytes[8];
    guint32 halves[2];
    if (!digits)
        return 0;
    digits += strlen(" f_handle:");
    for (gsize i = 0; i < sizeof bytes; i++, digits += 2) {
        if (!g_ascii_isxdigit(digits[0]) || !g_ascii_isxdigit(digits[1]))
            return 0;
        bytes[i] = (guint8)(g_ascii_xdigit_value(digits[0]) << 4 | g_ascii_xdigit_value(digits[1]));
    }
    memcpy(halves, bytes, sizeof halves);
    return (guint64)halves[0] << 32 | halves[1];
}

/* "inotify wd:1 ino:1 sdev:2e mask:2 ignored_mask:0 fhandle-bytes:c fhandle-type:81 f_handle:..."
 */
static void read_line(struct watches *watches, const char *line)
{
    if (!g_str_has_prefix(line, "inotify ") || !strstr(line, watches->device))
        return;
    guint64 id = strstr(line, " ino:1 ") ? TREE_ROOT : handle_node(line);
    if (id)
        g_hash_table_add(watches->seen, g_memdup2(&id, sizeof id));
    else
        watches->seen_all = FALSE; /* a kernel that shows no handles */
}

static void read_watches(struct watches *watches, const char *process, const char *fd)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/fdinfo/%s", process, fd);
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++)
        read_line(watches, *line);
}

static void read_process(struct watches *watches, const char *process)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/fd", process);
    GDir *fds = g_dir_open(path, 0, NULL);
    const char *fd;
    if (!fds) {
        watches->seen_all &= errno != EACCES;
        return;
    }
    while ((fd = g_dir_read_name(fds)))
        if (is_inotify(process, fd))
            read_watches(watches, process, fd);
    g_dir_close(fds);
}

static gboolean begin_round(gpointer user_data);

static void end_round(struct watches *watches)
{
    GHashTable *old = watches->ids;
    watches->ids = watches->seen;
    watches->seen = old;
    g_hash_table_remove_all(watches->seen);
    watches->complete = watches->seen_all;
    watches->rounds++;
    g_clear_pointer(&watches->processes, g_dir_close);
    watches->source = g_timeout_add(watches->hurried ? HURRY_MS : ROUND_MS, begin_round, watches);
}

static gboolean next_process(gpointer user_data)
{
    struct watches *watches = user_data;
    const char *name;
    do
        name = g_dir_read_name(watches->processes);
    while (name && !g_ascii_isdigit(*name));
    if (name) {
        read_process(watches, name);
        return G_SOURCE_CONTINUE;
    }
    end_round(watches);
    return G_SOURCE_REMOVE;
}

/* Also /proc itself may hide processes (hidepid). */
static gboolean sees_all_processes(void)
{
    char name[32];
    gssize n = readlink("/proc/self/ns/pid", name, sizeof name - 1);
    name[MAX(n, 0)] = '\0';
    return strcmp(name, ALL_PROCESSES) == 0 && access("/proc/1", F_OK) == 0;
}

static gboolean begin_round(gpointer user_data)
{
    struct watches *watches = user_data;
    if (!watches->device)
        watches->device = device_field(watches->mountpoint);
    watches->processes = watches->device ? g_dir_open("/proc", 0, NULL) : NULL;
    if (!watches->processes)
        return G_SOURCE_CONTINUE;
    watches->seen_all = sees_all_processes();
    watches->hurried = FALSE;
    watches->source = g_idle_add(next_process, watches);
    return G_SOURCE_REMOVE;
}

void watches_hurry(struct watches *watches)
{
    gboolean waiting = watches->rounds && !watches->processes;
    if (waiting && !watches->hurried) {
        g_source_remove(watches->source);
        watches->source = g_timeout_add(HURRY_MS, begin_round, watches);
    }
    watches->hurried = TRUE;
}

static GHashTable *id_set(void)
{
    return g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
}

struct watches *watches_new(const char *mountpoint)
{
    struct watches *watches = g_new0(struct watches, 1);
    watches->mountpoint = g_strdup(mountpoint);
    watches->ids = id_set();
    watches->seen = id_set();
    watches->source = g_timeout_add(HURRY_MS, begin_round, watches);
    return watches;
}

void watches_free(struct watches *watches)
{
    if (!watches)
        return;
    g_source_remove(watches->source);
    g_clear_pointer(&watches->processes, g_dir_close);
    g_hash_table_unref(watches->ids);
    g_hash_table_unref(watches->seen);
    g_free(watches->device);
    g_free(watches->mountpoint);
    g_free(watches);
}

guint watches_rounds(const struct watches *watches)
{
    return watches->rounds;
}

gboolean watches_are_complete(const struct watches *watches)
{
    return watches->complete;
}

gboolean watches_node(const struct watches *watches, guint64 id)
{
    return g_hash_table_contains(watches->ids, &id);
}

gboolean watches_root(const struct watches *watches)
{
    return watches->rounds && (!watches->complete || watches_node(watches, TREE_ROOT));
}
