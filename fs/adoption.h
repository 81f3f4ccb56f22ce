/* SPDX-License-Identifier: MIT
 *
 * The daemon's side of its keeper: the socket, and a new keeper in place of one that died.
 */
#pragma once

#include "fs/control.h"
#include "mountopts/mountopts.h"

#include <sys/types.h>

struct adoption;

struct adoption_config {
    const struct mount_options *options; /* borrowed */
    char **arguments;                    /* of the command line; borrowed, NULL-terminated */
    pid_t keeper;
    void (*word)(enum control_word word, gpointer user_data); /* of the keeper, from the loop */
    /* What was taken out of our environment is put back for a new keeper, and taken out again. */
    void (*environment)(gboolean give, gpointer user_data);
    gpointer user_data;
};

/* Takes up the descriptors at the numbers of enum keeper_fd. `config` is copied. */
struct adoption *adoption_new(const struct adoption_config *config);
/* Leaves the keeper alone. NULL is allowed. */
void adoption_free(struct adoption *adoption);
