/* SPDX-License-Identifier: MIT
 *
 * What one attempt of a request came to, and whether another server may do better. Pure.
 */
#pragma once

#include "naming/http.h"
#include "naming/naming.h"

struct outcome {
    enum naming_status status;
    gboolean failed;  /* the server is bad: another may do better */
    gboolean unasked; /* it failed without having come to the server, which is not to blame */
    gboolean again;   /* worth another try on the same server */
    gboolean doubt;   /* it answered, but another server may do better */
    char *text;       /* owned by whoever has the outcome; NULL = nothing to say */
};

/* NAMING_OK for a 200, of which nobody knows yet if its body makes sense. */
void outcome_of_response(struct outcome *outcome, const struct http_response *response);
/* A 200, but what it says makes no sense; `text` is the caller's to set. */
void outcome_is_nonsense(struct outcome *outcome);
