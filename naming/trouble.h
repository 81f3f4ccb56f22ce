/* SPDX-License-Identifier: MIT
 *
 * Where the parts of the client report what happened outside any call.
 */
#pragma once

#include "naming/naming.h"

struct trouble {
    naming_trouble_fn fn; /* NULL = nobody listens */
    gpointer user_data;
};

/* `key` NULL = not about one service. The listener may call back into the client. */
void trouble_report(const struct trouble *trouble, const struct service_key *key,
                    const struct naming_result *result);
