/* SPDX-License-Identifier: MIT
 *
 * The daemon: builds the parts of a mount, runs the loop, takes them down in reverse. One
 * GMainContext loop, no threads but what curl needs to look up names and one that parses very large
 * lists. It takes over what the daemon before it has left in the state, and leaves it to the next.
 */
#pragma once

#include "mountopts/mountopts.h"

struct daemon_config {
    const struct mount_options *options; /* borrowed */
    struct fuse_args *fuse_args;         /* borrowed */
    char **arguments; /* of the command line, for a new keeper; borrowed, NULL-terminated */
};

/* Serves the mount until it ends or the keeper says so; the descriptors stand at the numbers of
 * enum keeper_fd. Returns the exit status. */
int daemon_run(const struct daemon_config *config);
