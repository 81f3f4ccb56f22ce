/* SPDX-License-Identifier: MIT */
#include "naming/registry/token.h"

#include <string.h>

char *token_hmac(GBytes *key, const char *text)
{
    gsize size;
    const guchar *data = g_bytes_get_data(key, &size);
    return g_compute_hmac_for_string(G_CHECKSUM_SHA256, data, size, text, -1);
}

gboolean token_equal(const char *a, const char *b)
{
    gsize length = strlen(a);
    volatile guchar differs = length != strlen(b);
    if (differs)
        return FALSE;
    for (gsize i = 0; i < length; i++)
        differs |= (guchar)a[i] ^ (guchar)b[i];
    return !differs;
}

/* USER.EXPIRES.SIGNATURE, the user in RFC 4648's URL-safe base64 without padding. */
char *token_sign(GBytes *key, const char *user, gint64 expires)
{
    g_autofree char *name = g_base64_encode((const guchar *)user, strlen(user));
    g_strdelimit(name, "+", '-');
    g_strdelimit(name, "/", '_');
    *strchrnul(name, '=') = '\0';
    g_autofree char *claim = g_strdup_printf("%s.%" G_GINT64_FORMAT, name, expires);
    g_autofree char *signature = token_hmac(key, claim);
    return g_strconcat(claim, ".", signature, NULL);
}

/* New string; NULL if it is no text. */
static char *decode_user(const char *name)
{
    gsize length;
    g_autofree char *padded = g_strconcat(name, "===", NULL);
    padded[strlen(padded) - (strlen(name) + 3) % 4] = '\0';
    g_strdelimit(padded, "-", '+');
    g_strdelimit(padded, "_", '/');
    g_autofree char *user = (char *)g_base64_decode(padded, &length);
    return length && g_utf8_validate(user, length, NULL) ? g_strndup(user, length) : NULL;
}

enum token_verdict token_verify(GBytes *key, const char *token, gint64 now, char **user)
{
    guint64 expires;
    const char *dot = strrchr(token, '.');
    *user = NULL;
    if (!dot)
        return TOKEN_INVALID;
    g_autofree char *claim = g_strndup(token, dot - token);
    g_autofree char *signature = token_hmac(key, claim);
    char *middle = strchr(claim, '.');
    if (!token_equal(signature, dot + 1) || !middle ||
        !g_ascii_string_to_unsigned(middle + 1, 10, 0, G_MAXINT64, &expires, NULL))
        return TOKEN_INVALID;
    if ((gint64)expires <= now)
        return TOKEN_EXPIRED;
    *middle = '\0';
    *user = decode_user(claim);
    return *user ? TOKEN_VALID : TOKEN_INVALID;
}
