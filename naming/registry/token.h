/* SPDX-License-Identifier: MIT
 *
 * Access tokens: who and until when, signed by HMAC-SHA-256 (RFC 2104). Nothing is kept of them.
 * Pure; times are seconds since the epoch.
 */
#pragma once

#include <glib.h>

#define TOKEN_KEY_MIN 32 /* bytes */

enum token_verdict {
    TOKEN_VALID,
    TOKEN_INVALID,
    TOKEN_EXPIRED,
};

/* New string of letters, digits and - _ . that a URL takes as it is. */
char *token_sign(GBytes *key, const char *user, gint64 expires);

/* *user becomes a new string if the token is valid, else NULL. Takes the same time wherever a
 * signature differs. */
enum token_verdict token_verify(GBytes *key, const char *token, gint64 now, char **user);

/* HMAC of the text in hex; new string. */
char *token_hmac(GBytes *key, const char *text);

/* Equal texts, in a time that depends on their lengths alone. */
gboolean token_equal(const char *a, const char *b);
