/* SPDX-License-Identifier: MIT
 *
 * Registrations that last as long as the open file that made them: the kernel closes it with the
 * last process that holds it, however that ends. A lease is its registration and the handle's id
 * (struct registered). No FUSE calls.
 */
#pragma once

#include "fs/handle.h"

/* The last close of `handle`: deregisters its leases but those that were registered anew by others
 * meanwhile. Nobody waits for that. */
void lease_end(const struct handle *handle);
