/* SPDX-License-Identifier: MIT */
#include "fs/names.h"

#include <string.h>

#define SHORT_HEAD 200 /* bytes of the encoded name that a shortened one keeps */
#define SHORT_HASH 16  /* hex digits behind its '~' */

/* Why names_encode() is injective (as far as 64 bits of SHA-256 go):
 * - Plain encodings differ: %XX can be undone, and a '%' of the raw name is never left as it is.
 * - Shortened ones differ by their hash.
 * - A plain encoding never has the shape of a shortened one (217 bytes, '~' and 16 lower-case hex
 * digits at their end), although a raw name may have it: then its '~' is written %7E, which makes
 * it 219 bytes. No other rule writes %7E, so that stays apart from all the rest and can be undone.
 * The head of a shortened name may end within an escape or a UTF-8 sequence; nobody decodes it. */
static gboolean has_short_shape(const GString *name)
{
    if (name->len != SHORT_HEAD + 1 + SHORT_HASH || name->str[SHORT_HEAD] != '~')
        return FALSE;
    return strspn(name->str + SHORT_HEAD + 1, "0123456789abcdef") == SHORT_HASH;
}

char *names_encode_within(const char *raw, gsize most)
{
    if (*raw == '\0')
        return NULL;
    GString *name = g_string_new(NULL);
    for (const char *c = raw; *c != '\0'; c++) {
        if (*c == '/' || *c == '%' || (*c == '.' && c == raw))
            g_string_append_printf(name, "%%%02X", (guchar)*c);
        else
            g_string_append_c(name, *c);
    }
    if (has_short_shape(name)) {
        g_string_erase(name, SHORT_HEAD, 1);
        g_string_insert(name, SHORT_HEAD, "%7E");
    } else if (name->len > most) {
        g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, raw, -1);
        g_string_truncate(name, SHORT_HEAD);
        g_string_append_printf(name, "~%.*s", SHORT_HASH, hash);
    }
    return g_string_free(name, FALSE);
}

char *names_encode(const char *raw)
{
    return names_encode_within(raw, NAMES_MAX);
}

/* Every %XX undone, canonical or not; NULL for %00 and for a '%' without two hex digits. */
static char *undo_percent(const char *shown)
{
    GString *raw = g_string_new(NULL);
    for (const char *c = shown; *c != '\0'; c++) {
        if (*c != '%') {
            g_string_append_c(raw, *c);
            continue;
        }
        int high = g_ascii_xdigit_value(c[1]);
        int low = high < 0 ? -1 : g_ascii_xdigit_value(c[2]);
        if (low < 0 || high + low == 0) {
            g_string_free(raw, TRUE);
            return NULL;
        }
        g_string_append_c(raw, (char)(high << 4 | low));
        c += 2;
    }
    return g_string_free(raw, FALSE);
}

char *names_decode(const char *shown)
{
    if (strlen(shown) > NAMES_MAX)
        return NULL;
    g_autofree char *raw = undo_percent(shown);
    if (raw == NULL)
        return NULL;
    g_autofree char *canonical = names_encode(raw);
    return g_strcmp0(canonical, shown) == 0 ? g_steal_pointer(&raw) : NULL;
}
