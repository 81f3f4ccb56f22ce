/* SPDX-License-Identifier: MIT */
#include "fs/session_init.h"

#include "fs/die.h"

#include <linux/fuse.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>

enum { ASKED = 1, ANSWER = 2 }; /* ids of the two records */

/* FUSE_HAS_RESEND of linux/fuse.h 7.40: bit 39 of the flags, which is bit 7 of the second half. */
#define FLAGS2_HAS_RESEND (1u << 7)

/* Where the flags stand in an answer; NULL if it is an error. */
static guint32 *answer_flags(const struct iovec *parts, int count)
{
    gsize least = offsetof(struct fuse_init_out, flags) + sizeof(guint32);
    if (count != 2 || parts[1].iov_len < least)
        return NULL;
    return &((struct fuse_init_out *)parts[1].iov_base)->flags;
}

static struct record *find(struct state *state, guint64 id)
{
    for (guint i = 0; i < state_found_count(state, RECORD_INIT); i++) {
        struct record *record = state_found(state, RECORD_INIT, i);
        if (record && record->id == id)
            return record;
    }
    return NULL;
}

void session_init_load(struct session_init *init, struct state *state)
{
    *init = (struct session_init){.state = state};
    init->asked = find(state, ASKED);
    init->answer = find(state, ANSWER);
    init->done = init->asked && init->answer && init->answer->words[0];
}

void *session_init_request(const struct session_init *init, gsize *length)
{
    return state_get_bytes(init->state, init->asked, length);
}

static void keep(struct state *state, struct record **record, guint64 id, const void *bytes,
                 gsize length)
{
    if (*record)
        state_set_bytes(state, *record, bytes, length);
    else
        *record = state_add(state, RECORD_INIT, id, NULL, bytes, length);
}

gboolean session_init_asked(struct session_init *init, const void *request, gsize length)
{
    const struct fuse_in_header *header = request;
    const struct fuse_init_in *body = (const void *)(header + 1);
    if (header->opcode != FUSE_INIT) {
        init->done = init->asked && init->answer;
        return init->done;
    }
    gboolean extended = length >= sizeof *header + sizeof *body && (body->flags & FUSE_INIT_EXT);
    keep(init->state, &init->asked, ASKED, request, length);
    state_shared(init->state)->no_resend =
        !extended || !(body->flags2 & FLAGS2_HAS_RESEND) || die_has_no_resend();
    return FALSE;
}

static GByteArray *join(const struct iovec *parts, int count)
{
    GByteArray *joined = g_byte_array_new();
    for (int i = 0; i < count; i++)
        g_byte_array_append(joined, parts[i].iov_base, (guint)parts[i].iov_len);
    return joined;
}

/* libfuse 3.14 takes FUSE_CAP_PARALLEL_DIROPS and does not tell the kernel. */
static void allow_parallel_lookups(const struct session_init *init, guint32 *flags)
{
    gsize length;
    g_autofree char *request = session_init_request(init, &length);
    const struct fuse_init_in *asked = (const void *)(request + sizeof(struct fuse_in_header));
    *flags |= asked->flags & FUSE_PARALLEL_DIROPS;
}

void session_init_answering(struct session_init *init, struct iovec *parts, int count)
{
    guint32 *flags = answer_flags(parts, count);
    if (flags && init->asked)
        allow_parallel_lookups(init, flags);
    g_autoptr(GByteArray) answer = join(parts, count);
    keep(init->state, &init->answer, ANSWER, answer->data, answer->len);
}

void session_init_answered(struct session_init *init)
{
    state_set_word(init->answer, 0, 1);
    init->done = TRUE;
}

/* The unique may carry the mark of a resent request. Whether look-ups in a directory are parallel
 * is as it was: nothing here depends on that. */
gssize session_init_compare(struct session_init *init, const struct iovec *parts, int count)
{
    gsize length;
    g_autofree char *given = state_get_bytes(init->state, init->answer, &length);
    gsize header = sizeof(struct fuse_out_header);
    struct iovec then[] = {{given, header}, {given + header, length - MIN(header, length)}};
    const guint32 *given_flags = answer_flags(then, G_N_ELEMENTS(then));
    guint32 *flags = answer_flags(parts, count);
    if (given_flags && flags)
        *flags = (*flags & ~FUSE_PARALLEL_DIROPS) | (*given_flags & FUSE_PARALLEL_DIROPS);
    g_autoptr(GByteArray) answer = join(parts, count);
    init->differs = length != answer->len || length < header ||
                    memcmp(given + header, answer->data + header, length - header) != 0;
    return answer->len;
}
