/* SPDX-License-Identifier: MIT
 *
 * The keeper: the process that stays while daemons come and go. It holds /dev/fuse and the memfd
 * with the mount's state, makes the mount, starts the daemon and starts it again when it dies, runs
 * the registry of `standalone`, and ends the mount. It never reads or polls /dev/fuse and never
 * touches the mount. Daemon and helpers ignore SIGTERM, SIGINT and SIGHUP, which a terminal or
 * systemd sends to a whole group, and obey their sockets alone.
 */
#pragma once

#include "mountopts/mountopts.h"

struct fuse_args;

struct keeper_config {
    const struct mount_options *options; /* borrowed */
    struct fuse_args *fuse_args;         /* borrowed */
    char *
        *arguments; /* of the command line, without the program's name; borrowed, NULL-terminated */
    int errors;     /* where an error of the start is told */
    /* The mount answers; called once, and not in a keeper that takes over. */
    void (*ready)(gpointer user_data);
    gpointer user_data;
    gboolean takes_over; /* the mount is there: the descriptors stand at the numbers below */
};

/* Numbers of the descriptors in a new daemon, and in a keeper that takes over. */
enum keeper_fd {
    KEEPER_FD_CONTROL = 3, /* socket to the other one */
    KEEPER_FD_FUSE,
    KEEPER_FD_STATE,
    KEEPER_FD_ALIVE, /* pipe's end that tells the registry that keeper or daemon live */
    KEEPER_FD_LAST,  /* its other end, for a registry that is started again */
    /* only in a keeper whose binary is a newer one */
    KEEPER_FD_ASKER,    /* who asked for that (replace.h) */
    KEEPER_FD_FALLBACK, /* the executable before */
};

/* Returns the exit status when the mount has ended: 0 if it was unmounted or ordered to end.
 * SIGTERM, SIGINT, SIGHUP and SIGCHLD must be blocked. */
int keeper_run(const struct keeper_config *config);
