/* SPDX-License-Identifier: MIT */
#include "fs/version.h"

#define ANNOUNCE_GAP (100 * 1000) /* us between two announcements of one file */

gint64 version_next_mtime(gint64 old_ns)
{
    return MAX(g_get_real_time() * 1000, old_ns + 1);
}

void version_init(struct version *version, gint64 mtime_ns)
{
    *version = (struct version){.mtime_ns = mtime_ns, .told_ns = mtime_ns};
}

void version_resume(struct version *version, gint64 mtime_ns, gint64 told_ns)
{
    version_init(version, mtime_ns);
    version->told_ns = told_ns;
    version->changed = told_ns < mtime_ns;
    version->resumed = TRUE;
}

void version_clear(struct version *version)
{
    g_clear_pointer(&version->bytes, g_bytes_unref);
    version->resumed = FALSE;
}

gboolean version_take(struct version *version, GBytes *bytes, gboolean announce)
{
    g_autoptr(GBytes) before = version->bytes;
    gboolean resumed = version->resumed;
    version->bytes = bytes;
    version->resumed = FALSE;
    if (resumed || (before && g_bytes_equal(before, bytes)))
        return FALSE;
    version->mtime_ns = version_next_mtime(version->mtime_ns);
    version->changed |= announce;
    if (!version->changed)
        version->told_ns = version->mtime_ns;
    return TRUE;
}

void version_settle(struct version *version)
{
    version->changed = FALSE;
    version->told_ns = version->mtime_ns;
}

gint64 version_due(const struct version *version)
{
    return version->announced_at ? version->announced_at + ANNOUNCE_GAP : 0;
}

void version_telling(struct version *version)
{
    version->changed = FALSE;
    version->announced_at = g_get_monotonic_time();
    version->telling_ns = version->mtime_ns;
}

void version_told(struct version *version)
{
    version->told_ns = version->telling_ns;
}

void version_again(struct version *version)
{
    version->changed = TRUE;
    version->announced_at = 0;
}
