/* SPDX-License-Identifier: MIT
 *
 * How the table lies in the memfd, and what is free of it: for state.c and state_trim.c alone.
 */
#pragma once

#include "fs/state.h"

#define BLOCK_SIZE 128
#define BLOCK_BYTES (BLOCK_SIZE - 2 * sizeof(guint32))

/* Bytes are a chain of blocks. Block 0 is never used: 0 = no more. */
struct block {
    guint32 next;
    guint32 length; /* in the first block: of all bytes */
    guint8 bytes[BLOCK_BYTES];
};

struct header {
    guint64 magic;
    guint32 layout, record_size, block_size, words;
    guint32 records_high, blocks_high; /* behind the highest ever used */
    struct state_shared shared;
};

struct state {
    struct header *header;
    struct record *records;
    struct block *blocks;
    GArray *free_records;        /* guint32 */
    GArray *free_blocks;         /* guint32 */
    GArray *found[RECORD_TYPES]; /* guint32: of each type, when it was opened; NULL = none */
};

/* All of `first` to `high` - 1 that are not `used` (a byte each), the lowest to be taken first. */
void state_collect_free(GArray *free, const guint8 *used, guint32 high, guint32 first);
