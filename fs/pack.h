/* SPDX-License-Identifier: MIT
 *
 * Instances and lists as bytes, for what outlives a daemon. GVariant's serialisation: bytes that
 * were damaged read as something else of the same shape, never as memory that is not theirs. Pure.
 */
#pragma once

#include "naming/naming.h"

/* New reference. */
GBytes *pack_instance(const struct instance *instance);
/* Into uninitialised memory. FALSE if these bytes are none (then it is zeroed). */
gboolean unpack_instance(const void *bytes, gsize length, struct instance *instance);

GBytes *pack_list(const struct service_info *info);
/* New reference; NULL if these bytes are no list. */
struct service_info *unpack_list(const void *bytes, gsize length);
