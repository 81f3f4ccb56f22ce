/* SPDX-License-Identifier: MIT
 *
 * A naming_result that outlives its callback.
 */
#pragma once

#include "naming/naming.h"

struct result_copy {
    enum naming_status status;
    char *server; /* owned */
    char *text;   /* owned */
};

/* Whatever was in it is freed. */
static inline void result_copy_set(struct result_copy *copy, const struct naming_result *result)
{
    g_free(copy->server);
    g_free(copy->text);
    *copy = (struct result_copy){result->status, g_strdup(result->server), g_strdup(result->text)};
}

static inline void result_copy_clear(struct result_copy *copy)
{
    g_free(copy->server);
    g_free(copy->text);
    *copy = (struct result_copy){0};
}

/* Valid as long as the copy. */
static inline struct naming_result result_copy_get(const struct result_copy *copy)
{
    return (struct naming_result){copy->status, copy->server, copy->text};
}
