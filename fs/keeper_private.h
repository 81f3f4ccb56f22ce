/* SPDX-License-Identifier: MIT
 *
 * Shared by keeper.c (what happens while the mount lives), keeper_daemon.c (start, restart and
 * death of the daemon) and keeper_open.c (how a keeper comes by all that it holds, and hands it
 * on).
 */
#pragma once

#include "fs/child.h"
#include "fs/control.h"
#include "fs/deaths.h"
#include "fs/keeper.h"
#include "fs/mounting.h"
#include "fs/replace.h"
#include "fs/standalone.h"
#include "fs/state.h"

struct keeper {
    const struct keeper_config *config;
    struct mounting mounting;
    int state;    /* memfd */
    int alive[2]; /* the registry ends when nobody holds the second end any more */
    struct state_shared *shared;
    struct standalone *registry; /* NULL unless SOURCE is standalone */
    struct child *daemon;        /* NULL between death and restart */
    int control;                 /* socket to it; -1 = none */
    GSource *words;
    GSource *restart;
    GSource *goodbye;
    struct deaths deaths;
    gboolean was_ready; /* a daemon has been: the start succeeded */
    gboolean quitting;
    gboolean hung;     /* killed by us for that */
    guint64 last_tick; /* at the last look */
    guint silent;      /* looks since it changed */
    int signals;       /* signalfd */
    char *why;         /* the start fails: one line */
    GMainLoop *loop;
    int status;
    struct replace *replace; /* the socket on which a newer binary asks to take our place */
    int asker;               /* who asked for the replacement under way; -1 = nobody */
    int program;             /* the new executable; -1 = none */
    int fallback;            /* the one before us, until our daemon is ready; -1 = none */
};

/* Takes the descriptors that an earlier keeper or a daemon has handed over, before any other is
 * opened on their numbers. */
void keeper_take_descriptors(struct keeper *keeper);
/* Everything that a keeper needs before it starts a daemon. FALSE and keeper->why. */
gboolean keeper_open(struct keeper *keeper);
void keeper_close(struct keeper *keeper);
/* Becomes `program` (a descriptor), the mount and all in its hands. Returns only if that fails. */
void keeper_become(struct keeper *keeper, int program, int fallback);
/* Tells the asker how its replacement went; NULL = well. */
void keeper_answer(struct keeper *keeper, const char *why);
/* Ends the loop; `status` is what keeper_run returns. */
void keeper_end(struct keeper *keeper, int status);

/* Before the first daemon. */
void keeper_daemon_init(struct keeper *keeper);
/* Ends the daemon, if there is one, and its restarts. */
void keeper_daemon_clear(struct keeper *keeper);
/* A daemon that lives (its keeper has died) is taken over, else one is started. FALSE and
 * keeper->why. */
gboolean keeper_begin(struct keeper *keeper);
/* Asked by a newer binary. */
void keeper_replace(struct keeper *keeper, int asker, int program);
