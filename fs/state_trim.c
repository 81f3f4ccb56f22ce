/* SPDX-License-Identifier: MIT */
#include "fs/state_private.h"

#include <string.h>
#include <sys/mman.h>

#define PAGE 4096 /* or a part of a larger one, which is not given back then */

void state_collect_free(GArray *free, const guint8 *used, guint32 high, guint32 first)
{
    for (guint32 i = high; i-- > first;)
        if (!used[i])
            g_array_append_val(free, i);
}

/* Pages come back as zeroes, which is what a free record is. */
static void trim(GArray *free, gpointer area, gsize item, guint32 high)
{
    guint32 a_page = (guint32)(PAGE / item);
    g_autofree guint8 *used = g_malloc(high + 1);
    memset(used, 1, high + 1);
    for (guint i = 0; i < free->len; i++)
        used[g_array_index(free, guint32, i)] = 0;
    for (guint32 at = 0; at < high; at += a_page)
        if (!memchr(used + at, 1, MIN(a_page, high - at)))
            madvise((char *)area + at * item, PAGE, MADV_REMOVE);
    g_array_set_size(free, 0);
    state_collect_free(free, used, high, 0);
}

void state_trim(struct state *state)
{
    trim(state->free_records, state->records, sizeof *state->records, state->header->records_high);
    trim(state->free_blocks, state->blocks, BLOCK_SIZE, state->header->blocks_high);
}
