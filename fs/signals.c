/* SPDX-License-Identifier: MIT */
#include "fs/signals.h"

#include <signal.h>
#include <string.h>

/* The bit of a signal in the masks of proc(5). */
#define BIT(number) (G_GUINT64_CONSTANT(1) << ((number)-1))

static const guint64 harmless = BIT(SIGCHLD) | BIT(SIGCONT) | BIT(SIGURG) | BIT(SIGWINCH);

static gboolean mask(const char *text, const char *name, guint64 *bits)
{
    const char *line = strstr(text, name);
    if (!line)
        return FALSE;
    *bits = g_ascii_strtoull(line + strlen(name), NULL, 16);
    return TRUE;
}

gboolean signals_in_status(const char *text)
{
    guint64 thread, process, blocked;
    if (!mask(text, "\nSigPnd:", &thread) || !mask(text, "\nShdPnd:", &process) ||
        !mask(text, "\nSigBlk:", &blocked))
        return TRUE;
    guint64 pending = (thread | process) & ~blocked;
    return pending == 0 || (pending & ~harmless) != 0;
}

gboolean signals_interrupt(pid_t tid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)tid);
    g_autofree char *text = NULL;
    if (tid == 0 || !g_file_get_contents(path, &text, NULL, NULL))
        return TRUE;
    return signals_in_status(text);
}
