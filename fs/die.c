/* SPDX-License-Identifier: MIT */
#include "fs/die.h"

#ifdef NACOSFS_TEST_HOOKS

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOMENT, OPCODE, FLAG, HOW };

static char **words(void)
{
    const char *text = g_getenv("NACOSFS_DIE");
    char **parts = text ? g_strsplit(text, ":", 4) : NULL;
    if (!parts || g_strv_length(parts) > FLAG)
        return parts;
    g_strfreev(parts);
    return NULL;
}

static void die_now(const char *how)
{
    if (!how || strcmp(how, "kill") == 0)
        kill(getpid(), SIGKILL);
    else if (strcmp(how, "abort") == 0)
        abort();
    else if (strcmp(how, "stop") == 0)
        kill(getpid(), SIGSTOP);
    else
        for (;;)
            pause();
}

static void die_if(const char *moment)
{
    g_auto(GStrv) parts = words();
    if (!parts || strcmp(parts[MOMENT], moment) != 0)
        return;
    gboolean always = *parts[FLAG] == '+';
    if (always ? access(parts[FLAG] + 1, F_OK) == 0 : unlink(parts[FLAG]) == 0)
        die_now(parts[HOW]);
}

void die_at_request(struct die *die, guint64 unique, guint32 opcode)
{
    g_auto(GStrv) parts = words();
    if (!parts || strtoul(parts[OPCODE], NULL, 10) != opcode)
        return;
    die->unique = unique;
    die_if("read");
}

void die_before_answer(struct die *die, guint64 unique)
{
    if (unique && unique == die->unique)
        die_if("before");
}

void die_after_answer(struct die *die, guint64 unique)
{
    if (unique && unique == die->unique)
        die_if("after");
}

gboolean die_has_no_prune(void)
{
    return g_getenv("NACOSFS_NO_PRUNE") != NULL;
}

gboolean die_has_no_resend(void)
{
    return g_getenv("NACOSFS_NO_RESEND") != NULL;
}

#endif
