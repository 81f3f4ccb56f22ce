/* SPDX-License-Identifier: MIT
 *
 * What was written to an open file and read from a stream, as bytes for the state: the unfinished
 * line, how the last write and the last flush ended, how far a reader of `events` is and where it
 * was before its last READ. A request that comes again, because the daemon that had done it died
 * before its answer arrived, gets the same answer. No FUSE calls.
 */
#pragma once

#include "fs/handle.h"

GBytes *handle_state_pack(const struct handle *handle);
/* Into a handle that was just restored; nothing happens if these bytes make no sense. The reader of
 * a stream must be open already. */
void handle_state_unpack(struct handle *handle, const void *bytes, gsize length);
