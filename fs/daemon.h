/* SPDX-License-Identifier: MIT
 *
 * The daemon: builds the parts of a mount, runs the loop, takes them down in reverse. One
 * GMainContext loop, no threads but what curl needs to look up names.
 */
#pragma once

#include "mountopts/mountopts.h"

struct daemon_config {
    const struct mount_options *options; /* borrowed */
    struct fuse_args *fuse_args;         /* borrowed */
    const char *program;                 /* our own executable, to be run as mirror helper */
    /* The mount is made and the loop is about to run; called once. */
    void (*ready)(gpointer user_data);
    gpointer user_data;
};

/* Mounts and serves until the mount ends or SIGTERM or SIGINT comes (they must be blocked: they are
 * read from a signalfd). Returns the exit status; when nothing was mounted 1 and one line in *why
 * (new string). */
int daemon_run(const struct daemon_config *config, char **why);
