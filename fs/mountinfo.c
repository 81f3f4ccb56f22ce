/* SPDX-License-Identifier: MIT */
#include "fs/mountinfo.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue": the type is the
 * first field behind the lone hyphen; a hyphen in a path stands with other characters. */
static char *line_type(const char *line)
{
    const char *type = strstr(line, " - ");
    if (!type)
        return NULL;
    type += strlen(" - ");
    return g_strndup(type, strcspn(type, " "));
}

static char *type_of_mount(guint64 id)
{
    g_autofree char *table = NULL;
    if (!g_file_get_contents("/proc/self/mountinfo", &table, NULL, NULL))
        return NULL;
    g_auto(GStrv) lines = g_strsplit(table, "\n", -1);
    for (char **line = lines; *line; line++)
        if (g_ascii_strtoull(*line, NULL, 10) == id)
            return line_type(*line);
    return NULL;
}

gboolean mountinfo_at(const char *path, char **type, guint64 *device)
{
    struct statx stat;
    int flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
    if (statx(AT_FDCWD, path, flags, STATX_MNT_ID, &stat))
        return FALSE;
    if (!(stat.stx_attributes & STATX_ATTR_MOUNT_ROOT) || !(stat.stx_mask & STATX_MNT_ID))
        return FALSE;
    *type = type_of_mount(stat.stx_mnt_id);
    *device = makedev(stat.stx_dev_major, stat.stx_dev_minor);
    return *type != NULL;
}

/* linux/stat.h of 6.8; Debian 12's headers are older. */
#define MNT_ID_UNIQUE 0x4000U

guint64 mountinfo_id(const char *path)
{
    struct statx stat;
    int flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
    if (statx(AT_FDCWD, path, flags, MNT_ID_UNIQUE, &stat) ||
        !(stat.stx_attributes & STATX_ATTR_MOUNT_ROOT) || !(stat.stx_mask & MNT_ID_UNIQUE))
        return 0;
    return stat.stx_mnt_id;
}
