/* SPDX-License-Identifier: MIT */
#include "naming/disk_name.h"

#include <string.h>

#define SHORT_BYTES 200
#define SHORT_DIGITS 16
#define SPLITTER "@@" /* Constants.SERVICE_INFO_SPLITER */
#define ENCODED_SPLITTER "%40%40"

/* java.net.URLEncoder with UTF-8; what is no UTF-8 goes byte by byte like all else. */
static void append_encoded(GString *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (g_ascii_isalnum(*text) || strchr(".-*_", *text) != NULL)
            g_string_append_c(out, *text);
        else if (*text == ' ')
            g_string_append_c(out, '+');
        else
            g_string_append_printf(out, "%%%02X", (guchar)*text);
    }
}

char *disk_name_whole(const struct service_key *key, const char *clusters)
{
    g_autofree char *grouped = service_key_grouped(key);
    GString *out = g_string_new(NULL);

    append_encoded(out, grouped);
    if (*clusters != '\0')
        g_string_append_printf(out, SPLITTER "%s", clusters);
    return g_string_free(out, FALSE);
}

char *disk_name(const struct service_key *key, const char *clusters)
{
    char *whole = disk_name_whole(key, clusters);

    if (strlen(whole) > DISK_NAME_MAX) {
        g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, whole, -1);
        char *name = g_strdup_printf("%.*s~%.*s", SHORT_BYTES, whole, SHORT_DIGITS, sum);

        g_free(whole);
        return name;
    }
    return whole;
}

gboolean disk_name_is_short(const char *name)
{
    return strlen(name) == SHORT_BYTES + 1 + SHORT_DIGITS && name[SHORT_BYTES] == '~' &&
           strspn(name + SHORT_BYTES + 1, "0123456789abcdef") == SHORT_DIGITS;
}

/* NULL for a '%' without two digits behind it, and for a NUL. */
static char *decoded(const char *text, gsize length)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (const char *end = text + length; text < end; text++) {
        if (*text == '+') {
            g_string_append_c(out, ' ');
        } else if (*text != '%') {
            g_string_append_c(out, *text);
        } else {
            int high = end - text > 2 ? g_ascii_xdigit_value(text[1]) : -1;
            int low = end - text > 2 ? g_ascii_xdigit_value(text[2]) : -1;

            if (high < 0 || low < 0 || high + low == 0)
                return NULL;
            g_string_append_c(out, (char)(high << 4 | low));
            text += 2;
        }
    }
    return g_strdup(out->str);
}

static struct service_key *key_of(const char *grouped)
{
    const char *at = strstr(grouped, SPLITTER);
    g_autofree char *group = at == NULL ? NULL : g_strndup(grouped, (gsize)(at - grouped));

    if (at == NULL || *group == '\0' || at[2] == '\0')
        return NULL;
    return service_key_new(group, at + 2);
}

struct service_key *disk_name_parse(const char *name, char **clusters)
{
    const char *at = strstr(name, SPLITTER);
    g_autofree char *grouped = NULL;

    *clusters = NULL;
    if (disk_name_is_short(name))
        return NULL;
    if (strstr(name, ENCODED_SPLITTER) == NULL && at != NULL) {
        const char *next = strstr(at + 2, SPLITTER);

        grouped = next == NULL ? g_strdup(name) : g_strndup(name, (gsize)(next - name));
        at = next;
    } else {
        grouped = decoded(name, at == NULL ? strlen(name) : (gsize)(at - name));
    }
    if (grouped == NULL)
        return NULL;
    *clusters = g_strdup(at == NULL ? "" : at + 2);
    struct service_key *key = key_of(grouped);
    if (key == NULL)
        g_clear_pointer(clusters, g_free);
    return key;
}
