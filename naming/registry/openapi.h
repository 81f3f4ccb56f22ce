/* SPDX-License-Identifier: MIT
 *
 * From a request's method and path to its answer: the table of routes and the one place where
 * errors become statuses and texts.
 */
#pragma once

#include "naming/registry/api.h"

/* What goes back. */
struct openapi_answer {
    guint status;
    const char *content_type; /* static */
    GString *body;            /* owned by the caller, who made it */
};

/* `path`: as sent, without the query, undecoded: a route is matched exactly or not at all.
 * `context`: what stands before /v1, "" if nothing. */
struct openapi_target {
    const char *method;
    const char *path;
    const char *context;
};

/* Fills `answer`, whose body must be empty. */
void openapi_answer(const struct openapi_target *target, const struct api_call *call,
                    struct openapi_answer *answer);

/* The answer to a request that never becomes a call (its parameters cannot be read). */
void openapi_refuse(const GError *error, struct openapi_answer *answer);
