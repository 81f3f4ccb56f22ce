/* SPDX-License-Identifier: MIT */
#include "fs/escape.h"

#include <string.h>

/* Bytes of the character at `c` that may stand as it is; 0 = its first byte must be escaped.
 * Control characters include U+0080 to U+009F, which steer terminals, too. */
static gsize plain_bytes(const char *c, const char *end, const char *also)
{
    gunichar character = g_utf8_get_char_validated(c, end - c);
    if (character == (gunichar)-1 || character == (gunichar)-2 || g_unichar_iscntrl(character))
        return 0;
    if (character == ' ' || character == '\\' || strchr(also, *c) != NULL)
        return 0;
    return (gsize)(g_utf8_next_char(c) - c);
}

void escape_append(GString *out, const char *text, const char *also)
{
    const char *end = text + strlen(text);
    while (text < end) {
        gsize plain = plain_bytes(text, end, also);
        if (plain > 0)
            g_string_append_len(out, text, (gssize)plain);
        else
            g_string_append_printf(out, "\\%03o", (guchar)*text);
        text += plain > 0 ? plain : 1;
    }
}

static gboolean is_octal(char c)
{
    return c >= '0' && c <= '7';
}

char *escape_undo(const char *text, gsize length)
{
    g_autoptr(GString) out = g_string_sized_new(length);
    for (gsize i = 0; i < length; i++) {
        if (text[i] != '\\') {
            g_string_append_c(out, text[i]);
            continue;
        }
        if (length - i < 4 || !is_octal(text[i + 1]) || !is_octal(text[i + 2]) ||
            !is_octal(text[i + 3]))
            return NULL;
        int byte = (text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 | (text[i + 3] - '0');
        if (byte < 1 || byte > 0377)
            return NULL;
        g_string_append_c(out, (char)byte);
        i += 3;
    }
    if (!g_utf8_validate(out->str, (gssize)out->len, NULL))
        return NULL;
    return g_string_free(g_steal_pointer(&out), FALSE);
}
