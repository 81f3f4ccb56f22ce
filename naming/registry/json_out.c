/* SPDX-License-Identifier: MIT */
#include "naming/registry/json_out.h"

#include <string.h>

/* RFC 8259 section 7: the two-character escapes; index = the character. */
static const char short_escape[128] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                                       ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};

static gboolean needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

static void append_escaped(GString *out, unsigned char c)
{
    if (short_escape[c])
        g_string_append_printf(out, "\\%c", short_escape[c]);
    else
        g_string_append_printf(out, "\\u%04X", c);
}

void json_out_string(GString *out, const char *text, gssize length)
{
    const char *end = text + (length < 0 ? strlen(text) : (gsize)length);
    g_string_append_c(out, '"');
    while (text < end) {
        const char *plain = text;
        while (text < end && !needs_escape((unsigned char)*text))
            text++;
        g_string_append_len(out, plain, text - plain);
        if (text < end)
            append_escaped(out, (unsigned char)*text++);
    }
    g_string_append_c(out, '"');
}

void json_out_key(GString *out, const char *key)
{
    if (out->len && !strchr("{[,", out->str[out->len - 1]))
        g_string_append_c(out, ',');
    json_out_string(out, key, -1);
    g_string_append_c(out, ':');
}

void json_out_member(GString *out, const char *key, const char *value)
{
    json_out_key(out, key);
    json_out_string(out, value, -1);
}

void json_out_member_raw(GString *out, const char *key, const char *json)
{
    json_out_key(out, key);
    g_string_append(out, json);
}

void json_out_member_int(GString *out, const char *key, gint64 value)
{
    json_out_key(out, key);
    g_string_append_printf(out, "%" G_GINT64_FORMAT, value);
}

void json_out_member_bool(GString *out, const char *key, gboolean value)
{
    json_out_member_raw(out, key, value ? "true" : "false");
}

void json_out_member_double(GString *out, const char *key, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE * 2], format[8];
    for (int digits = 1; digits <= 20; digits++) {
        g_snprintf(format, sizeof(format), "%%.%df", digits);
        g_ascii_formatd(text, sizeof(text), format, value);
        if (g_ascii_strtod(text, NULL) == value)
            break;
    }
    json_out_member_raw(out, key, text);
}
