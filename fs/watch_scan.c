/* SPDX-License-Identifier: MIT */
#include "fs/watch_scan.h"

#include "fs/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ALL_PROCESSES "pid:[4026531836]" /* the first pid namespace: PROC_PID_INIT_INO */

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
static void read_line(struct watch_scan *scan, const char *device, const char *line)
{
    if (!g_str_has_prefix(line, "inotify ") || !strstr(line, device))
        return;
    guint64 id = strstr(line, " ino:1 ") ? TREE_ROOT : handle_node(line);
    if (id)
        g_hash_table_add(scan->ids, g_memdup2(&id, sizeof id));
    else
        scan->complete = FALSE; /* a kernel that shows no handles */
}

static void read_watches(struct watch_scan *scan, const char *device, const char *process,
                         const char *fd)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/fdinfo/%s", process, fd);
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    while (file && getline(&line, &room, file) >= 0)
        read_line(scan, device, line);
    free(line);
    if (file)
        fclose(file);
}

static void read_process(struct watch_scan *scan, const char *device, const char *process)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/fd", process);
    GDir *fds = g_dir_open(path, 0, NULL);
    const char *fd;
    if (!fds) {
        scan->complete &= errno != EACCES;
        return;
    }
    while ((fd = g_dir_read_name(fds)))
        if (is_inotify(process, fd))
            read_watches(scan, device, process, fd);
    g_dir_close(fds);
}

/* Also /proc itself may hide processes (hidepid). */
static gboolean sees_all_processes(void)
{
    char name[32];
    gssize n = readlink("/proc/self/ns/pid", name, sizeof name - 1);
    name[MAX(n, 0)] = '\0';
    return strcmp(name, ALL_PROCESSES) == 0 && access("/proc/1", F_OK) == 0;
}

struct watch_scan *watch_scan_new(guint64 device)
{
    struct watch_scan *scan = g_new0(struct watch_scan, 1);
    gint64 began = g_get_monotonic_time();
    /* as the kernel keeps it: major << 20 | minor */
    g_autofree char *field =
        g_strdup_printf(" sdev:%x ", major((dev_t)device) << 20 | minor((dev_t)device));
    g_autoptr(GDir) processes = g_dir_open("/proc", 0, NULL);
    const char *name;
    scan->ids = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    scan->complete = processes && sees_all_processes();
    while (processes && (name = g_dir_read_name(processes)))
        if (g_ascii_isdigit(*name))
            read_process(scan, field, name);
    scan->took_us = g_get_monotonic_time() - began;
    return scan;
}

void watch_scan_free(struct watch_scan *scan)
{
    if (!scan)
        return;
    g_hash_table_unref(scan->ids);
    g_free(scan);
}
