/* SPDX-License-Identifier: MIT
 *
 * What a client can be made of.
 */
#pragma once

#include "naming/naming.h"

/* Why naming_new() refuses `config`, one line; static. NULL = it does not. */
const char *naming_config_refuses(const struct naming_config *config);
