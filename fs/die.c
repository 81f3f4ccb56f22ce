/* SPDX-License-Identifier: MIT */
#include "fs/die.h"

#ifdef NACOSFS_TEST_HOOKS

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The one request that is waited for; tests make one at a time. */
static guint64 chosen;

static gboolean is_moment(const char *moment, char ***parts)
{
    const char *text = g_getenv("NACOSFS_DIE");
    *parts = text ? g_strsplit(text, ":", 3) : NULL;
    return *parts && g_strv_length(*parts) == 3 && strcmp((*parts)[0], moment) == 0;
}

static void die_if(const char *moment, gboolean here)
{
    g_auto(GStrv) parts = NULL;
    if (here && is_moment(moment, &parts) && unlink(parts[2]) == 0)
        kill(getpid(), SIGKILL);
}

void die_at_request(guint64 unique, guint32 opcode)
{
    g_auto(GStrv) parts = NULL;
    is_moment("", &parts);
    gboolean matches = parts && parts[1] && strtoul(parts[1], NULL, 10) == opcode;
    if (matches)
        chosen = unique;
    die_if("read", matches);
}

void die_before_answer(guint64 unique)
{
    die_if("before", unique && unique == chosen);
}

void die_after_answer(guint64 unique)
{
    die_if("after", unique && unique == chosen);
}

#endif
