/* SPDX-License-Identifier: MIT
 *
 * FUSE_INIT, which a kernel says once in the life of a mount: the request and the answer that was
 * given to it, kept for the daemons that come later.
 */
#pragma once

#include "fs/state.h"

struct iovec;

struct session_init {
    struct state *state;   /* borrowed */
    struct record *asked;  /* NULL = not asked yet */
    struct record *answer; /* word 0: 1 once the kernel has it */
    gboolean done;
    gboolean replaying; /* the answer goes nowhere, it is only compared */
    gboolean differs;   /* from the one that was given */
};

void session_init_load(struct session_init *init, struct state *state);
/* The request; new buffer, aligned as malloc's are. */
void *session_init_request(const struct session_init *init, gsize *length);

/* A request while it is not done: kept if it is FUSE_INIT. TRUE if it is another one, which means
 * that the answer to INIT had arrived just before the daemon died that gave it: done all the same.
 */
gboolean session_init_asked(struct session_init *init, const void *request, gsize length);
/* The answer, before it is written; what libfuse leaves out is added to it. */
void session_init_answering(struct session_init *init, struct iovec *parts, int count);
void session_init_answered(struct session_init *init);
/* Instead of writing it; returns its length. */
gssize session_init_compare(struct session_init *init, const struct iovec *parts, int count);
