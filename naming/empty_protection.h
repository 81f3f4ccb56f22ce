/* SPDX-License-Identifier: MIT
 *
 * Push-empty protection (namingPushEmptyProtection of the Java client): an answer with no instance
 * that a client could call does not replace a list that has some. Pure.
 */
#pragma once

#include "naming/service_info.h"

/* What is held back now. */
struct empty_protection {
    gboolean active;
    guint hosts; /* instances of the newest answer that was held back, none of them callable */
};

/* Whether `info` is to be held back and `held` (NULL = nothing yet, which nothing is held back
 * from) kept; `protection` follows. */
gboolean empty_protection_holds(struct empty_protection *protection,
                                const struct service_info *held, const struct service_info *info);
