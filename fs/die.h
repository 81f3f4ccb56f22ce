/* SPDX-License-Identifier: MIT
 *
 * For tests only (-Dtest_hooks=true): the daemon SIGKILLs itself at a chosen point of a chosen
 * request, so that every window of a hand-over can be hit on purpose. The environment says where:
 *
 *   NACOSFS_DIE=MOMENT:OPCODE:FLAG
 *
 * MOMENT is `read` (before the request is handled), `before` or `after` (its answer); OPCODE the
 * number of linux/fuse.h; FLAG the path of a file: it dies only if it can remove that, so once a
 * file. Without the option none of this is built.
 */
#pragma once

#include <glib.h>

#ifdef NACOSFS_TEST_HOOKS
void die_at_request(guint64 unique, guint32 opcode);
void die_before_answer(guint64 unique);
void die_after_answer(guint64 unique);
#else
static inline void die_at_request(guint64 unique, guint32 opcode)
{
}
static inline void die_before_answer(guint64 unique)
{
}
static inline void die_after_answer(guint64 unique)
{
}
#endif
