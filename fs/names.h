/* SPDX-License-Identifier: MIT
 *
 * Names of groups and services as file names (byte-exact; what cannot be a file name is
 * percent-encoded, upper-case hex, injective, one canonical spelling). Pure.
 */
#pragma once

#include <glib.h>

#define NAMES_MAX 255 /* bytes of a file name, NAME_MAX */

/* File name of `raw`: '/', '%', bytes below 0x01 and a leading '.' become %XX; over 255 bytes it is
 * the first 200 bytes of the encoded name, '~' and 16 lower-case hex digits of the SHA-256 of
 * `raw`. Where a name that needs no shortening looks like a shortened one, its '~' becomes %7E.
 * Empty gives NULL: it has no file name. New string. */
char *names_encode(const char *raw);

/* The same where less room is left: at most `most` bytes, 217 to NAMES_MAX. */
char *names_encode_within(const char *raw, gsize most);

/* The raw name, or NULL unless names_encode(result) is exactly `shown`; so a shortened name (which
 * cannot be undone) is NULL, too: look those up in the list of what was shown. New string. */
char *names_decode(const char *shown);
