/* SPDX-License-Identifier: MIT
 *
 * Operations that must not be done twice, by the kernel's number of their request: what was asked
 * for and how it ended stands in the state before anybody hears of it. When a daemon dies, the
 * kernel sends the requests that it had taken to the next one: what is done gets the same answer,
 * what was asked for is asked for again, which the servers of all versions take as once. Operations
 * nobody waits for (a lease that ended, a register that was interrupted) stand here under numbers
 * of our own and are taken up again by the next daemon.
 *
 * The record's words: service, kind and whether it is done, result, offset of its line; the bytes
 * are the instance (pack.h).
 */
#pragma once

#include "fs/state.h"
#include "naming/naming.h"

enum journal_kind {
    JOURNAL_NAME, /* a name is made or removed here, no server is asked */
    JOURNAL_PUT,
    JOURNAL_DROP,
    JOURNAL_UPDATE,
};

struct journal_entry {
    guint64 unique;
    enum journal_kind kind;
    gboolean done;
    int result;               /* 0 or an errno, once done */
    guint64 service;          /* id */
    gsize at;                 /* offset of the line in what was written; 0 for other requests */
    struct instance instance; /* zeroes for JOURNAL_NAME */
    /* journal.c's own */
    struct record *record;
    gboolean old; /* left by an earlier daemon and not claimed yet */
};

struct journal;

/* With what an earlier daemon has left. */
struct journal *journal_new(struct state *state);
void journal_free(struct journal *journal); /* NULL is allowed; the state keeps it all */

/* The entry of that request; NULL if there is none. Whoever asks goes on with it. Borrowed. */
const struct journal_entry *journal_claim(struct journal *journal, guint64 unique);
/* The same without claiming it. */
gboolean journal_has(const struct journal *journal, guint64 unique);
/* It is about to be done; replaces what stood there of this request. `instance` is copied. */
void journal_ask(struct journal *journal, const struct journal_entry *entry);
/* It is done; nothing happens if it is not there. */
void journal_done(struct journal *journal, guint64 unique, int result);
/* Its answer has arrived: it will not be asked about again. Unknown ones are ignored. */
void journal_forget(struct journal *journal, guint64 unique);

/* A number for what nobody waits for. */
guint64 journal_orphan(struct journal *journal);
gboolean journal_is_orphan(guint64 unique);

/* Takes one that no request has claimed out of the journal: FALSE if there is none. *entry is the
 * caller's to clear (its instance). */
gboolean journal_take_left(struct journal *journal, struct journal_entry *entry);
