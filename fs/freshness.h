/* SPDX-License-Identifier: MIT
 *
 * How true the list is that a service serves: where it came from and when it was last confirmed,
 * whether the client keeps it fresh, somebody only listed it, or an earlier daemon left it.
 */
#pragma once

#include "fs/service.h"

/* FALSE if no list is held. Never asks a server. */
gboolean freshness_of(const struct service *service, struct naming_freshness *freshness);
