/* SPDX-License-Identifier: MIT
 *
 * Registrations that last as long as the open file that made them: the kernel closes it with the
 * last process that holds it, however that ends. A lease is its registration and the handle's id
 * (struct registered). No FUSE calls.
 */
#pragma once

#include "fs/handle.h"

struct instance;
struct service;

/* The last close of `handle`: deregisters its leases but those that were registered anew by others
 * meanwhile. Nobody waits for that. */
void lease_end(const struct handle *handle);

/* A change of that instance is over: if it is still the lease of a file that was closed meanwhile,
 * it ends now. */
void lease_settle(struct service *service, const struct instance *like);
