/* SPDX-License-Identifier: MIT
 *
 * For tests only (-Dtest_hooks=true): the daemon ends itself at a chosen point of a chosen request,
 * so that every window of a hand-over can be hit on purpose. The environment says where and how:
 *
 *   NACOSFS_DIE=MOMENT:OPCODE:FLAG[:HOW]
 *
 * MOMENT is `read` (before the request is handled), `before` or `after` (its answer); OPCODE the
 * number of linux/fuse.h; FLAG the path of a file: it happens only if that can be removed, so once
 * a file; or, with a + before the path, whenever it is there. HOW is `kill` (SIGKILL, the default),
 * `abort`, `stop` (SIGSTOP) or `sleep` (for ever, in the loop). NACOSFS_NO_RESEND=1 takes the
 * kernel for one that cannot resend requests, NACOSFS_NO_PRUNE=1 for one that cannot prune. Without
 * the option none of this is built.
 */
#pragma once

#include <glib.h>

/* Which request is waited for; in the session. */
struct die {
    guint64 unique; /* 0 = none */
};

#ifdef NACOSFS_TEST_HOOKS
void die_at_request(struct die *die, guint64 unique, guint32 opcode);
void die_before_answer(struct die *die, guint64 unique);
void die_after_answer(struct die *die, guint64 unique);
gboolean die_has_no_prune(void);
gboolean die_has_no_resend(void);
#else
static inline void die_at_request(struct die *die, guint64 unique, guint32 opcode)
{
}
static inline void die_before_answer(struct die *die, guint64 unique)
{
}
static inline void die_after_answer(struct die *die, guint64 unique)
{
}
static inline gboolean die_has_no_prune(void)
{
    return FALSE;
}
static inline gboolean die_has_no_resend(void)
{
    return FALSE;
}
#endif
