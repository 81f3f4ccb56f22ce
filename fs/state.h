/* SPDX-License-Identifier: MIT
 *
 * What of a mount must outlive its daemon: a table of records in a memfd that the keeper holds and
 * each daemon maps. A record is a type, an id, a few words and bytes of any length. Whatever is
 * changed here survives a SIGKILL in the very next instruction, and at any instant a record is
 * there in its old or its new form, never in between: a new record is filled before its type is
 * stored, words are stored in one piece, new bytes are filled beside the old ones before the
 * record's one reference to them is stored, a removed record loses its type first. Stores of one
 * process survive it in the order of the program; no barrier, checksum or log is needed against
 * that. What is free is not written down: it is what no record refers to. Indexes over the records
 * are their users' and live in the heap. Pure but for the mapping.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#define STATE_WORDS 6

/* To be raised whenever a record's meaning changes: a daemon takes over no other layout. */
#define STATE_LAYOUT 5

/* Who puts what into them stands in fs/kept.h. */
enum record_type {
    RECORD_NONE, /* a free slot */
    RECORD_ROOT,
    RECORD_GROUP,
    RECORD_SERVICE,
    RECORD_CONTENT,
    RECORD_HOST,
    RECORD_CLUSTER,
    RECORD_FORMAT,
    RECORD_RENDERED,
    RECORD_VIEW,
    RECORD_LIST,
    RECORD_OVERLAY,
    RECORD_REGISTRATION,
    RECORD_NODE,
    RECORD_HANDLE,
    RECORD_SNAPSHOT,
    RECORD_OPERATION,
    RECORD_HELPER,
    RECORD_EVENT,
    RECORD_ERROR,
    RECORD_INIT,
    RECORD_TYPES,
};

/* In the mapping: pointers to records stay valid as long as the record does. */
struct record {
    guint32 type;   /* enum record_type */
    guint32 blocks; /* state.c's own: where the bytes are */
    guint64 id;
    guint64 words[STATE_WORDS]; /* the user's; each is stored in one piece */
};

#define STATE_STRIKES 16

/* A request that is being handled, or that a daemon did not survive. */
struct state_strike {
    guint64 unique; /* 0 = none */
    guint64 node;
    guint64 opcode;
    guint64 deaths;
    gint64 last; /* monotonic us of the last death */
};

/* What keeper and daemon tell each other, in the mapping. */
struct state_shared {
    guint64 ticks;               /* raised by the daemon's loop several times a second */
    struct state_strike current; /* the request being handled right now; unique stored last */
    guint64 taken;               /* requests read and not answered */
    guint64 epoch;               /* daemons that took this over */
    guint64 generation;          /* above all that any slot table has given out */
    guint64 ready;               /* 1 once the mount answers */
    guint64 no_resend;           /* 1: this kernel cannot resend what a dead daemon had taken */
    guint64 farewell;            /* enum farewell of the daemon that ended */
    guint64 daemon_pid;
    guint64 keeper_pid;
    guint64 registry_pid; /* 0 = none */
    guint64 restarts;     /* daemons started in place of dead ones */
    guint64 started_ns;   /* wall clock: when the mount was made */
    guint64 remounted; /* 1: the mount was made anew, nothing of the old one's kernel side counts */
    char address[128]; /* "HOST:PORT" of the embedded registry; "" = none */
    struct state_strike strikes[STATE_STRIKES]; /* the keeper's */
};

struct state;

/* A memfd with an empty table; -1 and errno. Sparse: it takes the memory that is used. */
int state_create(void);

/* Maps `fd`, which stays the caller's, and finds out what is free. Records that make no sense are
 * dropped. NULL and one line in *why (new string) if this is not a table, or one of another layout.
 */
struct state *state_open(int fd, char **why);
/* The record `state` serves no more; the memfd keeps it all. NULL is allowed. */
void state_close(struct state *state);
/* Borrowed. */
struct state_shared *state_shared(struct state *state);

/* For the keeper: only that part of it is mapped. NULL and *why as state_open(). */
struct state_shared *state_map_shared(int fd, char **why);
void state_unmap_shared(struct state_shared *shared); /* NULL is allowed */

/* A new record with these words (NULL = zeroes) and bytes (NULL = none; copied). Never fails: a
 * full table (16 million records, 8 GiB of bytes) ends the program. Borrowed. */
struct record *state_add(struct state *state, enum record_type type, guint64 id,
                         const guint64 *words, const void *bytes, gsize length);
/* Replaces the bytes. */
void state_set_bytes(struct state *state, struct record *record, const void *bytes, gsize length);
/* One word, in one piece. */
static inline void state_set_word(struct record *record, int word, guint64 value)
{
    __atomic_store_n(&record->words[word], value, __ATOMIC_RELAXED);
}
void state_remove(struct state *state, struct record *record);

/* The bytes. New string with a NUL behind it; *length may be NULL. */
char *state_get_bytes(const struct state *state, const struct record *record, gsize *length);

/* Walking: indexes 0 to state_high() - 1; NULL where there is none of `type`. */
guint state_high(const struct state *state);
struct record *state_at(const struct state *state, guint index, enum record_type type);

/* The records of `type` that were there when the table was opened: i below state_found_count();
 * NULL for one that was removed since. For taking over, once: the table is not walked again for
 * each type. */
guint state_found_count(const struct state *state, enum record_type type);
struct record *state_found(const struct state *state, enum record_type type, guint i);

/* All of them, by their ids. New array, its records borrowed. */
GPtrArray *state_found_in_order(const struct state *state, enum record_type type);

/* Gives the memory of what is free back to the system. */
void state_trim(struct state *state);

struct state_usage {
    guint records, blocks; /* in use; a block is 128 bytes */
};
void state_usage(const struct state *state, struct state_usage *usage);
