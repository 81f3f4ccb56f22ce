/* SPDX-License-Identifier: MIT
 *
 * One written line carried out: register, deregister, or the attributes of one instance in hosts/.
 * Nothing of a line that fails is registered. No FUSE calls.
 */
#pragma once

#include "fs/handle.h"
#include "fs/journal.h"
#include "fs/registered.h"

struct line_op;

/* Whom to tell, and on whose behalf. */
struct told {
    wait_fn fn;
    gpointer user_data;
    struct asker asker;
    const struct journal_entry *again; /* an earlier daemon had asked for this already; borrowed
                                          during the call; NULL = no */
};

/* NULL if there is nothing to wait for: *error is 0 (a blank line) or an errno, its reason in
 * `.nacos/errors`. Otherwise `told` is told once, not before this returns. `text` is not kept. */
struct line_op *line_begin(const struct handle *handle, const char *text, gsize length,
                           struct told told, int *error);
/* A register that an earlier daemon had carried out: waits as it would have until hosts/ shows it.
 * NULL if there is nothing to wait for. */
struct line_op *line_settle(const struct handle *handle, struct told told);
/* Registers the instance that a CREATE in hosts/ named, with its defaults: the file was closed and
 * nothing was written. As line_begin. */
struct line_op *line_begin_defaults(const struct handle *handle, struct told told);
/* Nobody is told. */
void line_cancel(struct line_op *op);

/* `rm hosts/NAME`: deregisters what this mount keeps; of others only with -o admin. As line_begin.
 */
struct line_op *line_begin_remove(struct service *service, const char *host, struct told told,
                                  int *error);
