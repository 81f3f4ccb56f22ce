/* SPDX-License-Identifier: MIT
 *
 * "Does the server know this name?", asked for one name at a time: many who want to know share one
 * question, and a no is remembered for a second. Pure but for the clock.
 */
#pragma once

#include "fs/waiters.h"
#include "naming/naming.h"

#define ASK_ABSENT_FOR G_USEC_PER_SEC /* how long a no counts */

/* The questions of one directory. */
struct asks {
    GHashTable *pending; /* shown name -> struct ask, owned */
    GHashTable *absent;  /* shown name -> monotonic us of the no, both owned */
};

/* One question under way. */
struct ask {
    struct asks *asks;
    gpointer owner; /* of the directory: root or group; borrowed */
    char *shown;    /* owned */
    struct waiters waiters;
    struct naming_call *call; /* set by who began it; cancelled with the question */
};

void asks_init(struct asks *asks);
void asks_clear(struct asks *asks); /* nobody is told */

gboolean asks_is_absent(const struct asks *asks, const char *shown);
/* The question about that name, NULL if it is not under way. */
struct ask *asks_pending(const struct asks *asks, const char *shown);
/* Begins one; its caller sends the request and gives the answer to ask_end. */
struct ask *asks_begin(struct asks *asks, const char *shown, gpointer owner);
/* The answer: 0 = yes, ENOENT = no, another errno = nobody knows. Frees the question, then tells.
 */
void ask_end(struct ask *ask, int error);
