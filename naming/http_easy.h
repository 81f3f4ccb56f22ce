/* SPDX-License-Identifier: MIT
 *
 * One request as curl wants it: which options it gets, and what the code of its end means.
 */
#pragma once

#include "naming/http_request.h"

#include <curl/curl.h>

/* Fills in a fresh handle. `limits` and `request`, its list `resolve` included, must outlive the
 * transfer. `addresses`: of the host's name, NULL if it has none. */
void http_easy_prepare(CURL *easy, const struct http_limits *limits, struct http_request *request,
                       const char *addresses);
/* `code`: of a transfer that curl has ended. */
enum http_failure http_easy_failure(const struct http_request *request, CURLcode code);
