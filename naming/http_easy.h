/* SPDX-License-Identifier: MIT
 *
 * One request as curl wants it: which options it gets, and what the code of its end means.
 */
#pragma once

#include "naming/http_request.h"

#include <curl/curl.h>

/* Fills in a fresh handle. `limits` and `request` must outlive the transfer. */
void http_easy_prepare(CURL *easy, const struct http_limits *limits, struct http_request *request);
/* `code`: of a transfer that curl has ended. */
enum http_failure http_easy_failure(const struct http_request *request, CURLcode code);
