/* SPDX-License-Identifier: MIT */
#include "fs/watches.h"

#include "fs/mountinfo.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ROUND_MS 5000

struct watches {
    char *mountpoint;
    char *line;    /* how the line of a watch on the root begins after "wd:N ": "ino:1 sdev:2e " */
    gboolean root; /* result of the last round */
    gboolean seen; /* by the round under way */
    GDir *processes; /* the round under way; NULL between rounds */
    guint source;    /* the next turn */
};

/* "ino:1 sdev:HEX " for the mount, the device as the kernel keeps it: major << 20 | minor. NULL if
 * it is not mounted (yet). */
static char *root_line(const char *mountpoint)
{
    g_autofree char *type = NULL;
    guint64 device;
    if (!mountinfo_at(mountpoint, &type, &device))
        return NULL;
    return g_strdup_printf("ino:1 sdev:%x ", major(device) << 20 | minor(device));
}

static gboolean is_inotify(const char *process, const char *fd)
{
    char target[64];
    g_autofree char *path = g_strdup_printf("/proc/%s/fd/%s", process, fd);
    gssize n = readlink(path, target, sizeof target - 1);
    target[MAX(n, 0)] = '\0';
    return strcmp(target, "anon_inode:inotify") == 0;
}

static gboolean watches_it(const struct watches *watches, const char *process, const char *fd)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/fdinfo/%s", process, fd);
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return FALSE;
    return strstr(text, watches->line) != NULL;
}

static gboolean process_watches(const struct watches *watches, const char *process)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/fd", process);
    GDir *fds = g_dir_open(path, 0, NULL);
    const char *fd;
    gboolean found = FALSE;
    if (!fds)
        return errno == EACCES;
    while (!found && (fd = g_dir_read_name(fds)))
        found = is_inotify(process, fd) && watches_it(watches, process, fd);
    g_dir_close(fds);
    return found;
}

static gboolean begin_round(gpointer user_data);

static void end_round(struct watches *watches)
{
    watches->root = watches->seen;
    g_clear_pointer(&watches->processes, g_dir_close);
    watches->source = g_timeout_add(ROUND_MS, begin_round, watches);
}

static gboolean next_process(gpointer user_data)
{
    struct watches *watches = user_data;
    const char *name;
    do
        name = g_dir_read_name(watches->processes);
    while (name && !g_ascii_isdigit(*name));
    if (name && !watches->seen)
        watches->seen = process_watches(watches, name);
    if (name && !watches->seen)
        return G_SOURCE_CONTINUE;
    end_round(watches);
    return G_SOURCE_REMOVE;
}

static gboolean begin_round(gpointer user_data)
{
    struct watches *watches = user_data;
    watches->seen = FALSE;
    if (!watches->line)
        watches->line = root_line(watches->mountpoint);
    watches->processes = watches->line ? g_dir_open("/proc", 0, NULL) : NULL;
    if (!watches->processes)
        return G_SOURCE_CONTINUE;
    watches->source = g_idle_add(next_process, watches);
    return G_SOURCE_REMOVE;
}

struct watches *watches_new(const char *mountpoint)
{
    struct watches *watches = g_new0(struct watches, 1);
    watches->mountpoint = g_strdup(mountpoint);
    watches->source = g_timeout_add(ROUND_MS / 5, begin_round, watches);
    return watches;
}

void watches_free(struct watches *watches)
{
    if (!watches)
        return;
    g_source_remove(watches->source);
    g_clear_pointer(&watches->processes, g_dir_close);
    g_free(watches->line);
    g_free(watches->mountpoint);
    g_free(watches);
}

gboolean watches_root(const struct watches *watches)
{
    return watches->root;
}
