/* SPDX-License-Identifier: MIT */
#include "fs/address.h"

#include "fs/escape.h"
#include "fs/names.h"

#include <arpa/inet.h>
#include <string.h>

#define MAX_HOST 253 /* bytes of a host name, RFC 1035 2.3.4 without the root's dot */

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define HOST_CHARACTERS DIGITS LETTERS ".-_"

/* What a strange ip keeps unescaped is everything but these. The brackets and the '@' would make it
 * look like another address, the rest like a comment, a JSON line or a field to a reader of lines.
 */
#define STRANGE_ESCAPED "!\"#$&'()*+,/;<=>?@[]^`{|}~"

static gboolean is_host_name(const char *host)
{
    gsize length = strlen(host);
    return length > 0 && length <= MAX_HOST && strspn(host, HOST_CHARACTERS) == length &&
           strspn(host, DIGITS ".") != length;
}

/* Canonical spelling of a numeric address, NULL if it is none of that family. */
static char *canonical_ip(int family, const char *text)
{
    struct in6_addr address; /* large enough for both */
    char spelling[INET6_ADDRSTRLEN];
    if (inet_pton(family, text, &address) != 1)
        return NULL;
    return g_strdup(inet_ntop(family, &address, spelling, sizeof(spelling)));
}

static gboolean parse_port(const char *text, gsize length, guint16 *port)
{
    guint number = 0;
    if (length < 1 || length > 5 || text[0] == '0')
        return FALSE;
    for (gsize i = 0; i < length; i++) {
        if (!g_ascii_isdigit(text[i]))
            return FALSE;
        number = number * 10 + (guint)(text[i] - '0');
    }
    if (number > G_MAXUINT16)
        return FALSE;
    *port = (guint16)number;
    return TRUE;
}

static char *parse_host(const char *text, gsize length, const char *own_ip, char **why)
{
    if (length == 0) {
        if (own_ip == NULL)
            *why = g_strdup("an address without host, and our own address is not known");
        return g_strdup(own_ip);
    }
    if (memchr(text, '\0', length) != NULL || length > MAX_HOST) {
        *why = g_strdup("not an address: no such host");
        return NULL;
    }
    g_autofree char *host = g_strndup(text, length);
    char *ip = NULL;
    if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
        host[length - 1] = '\0';
        ip = canonical_ip(AF_INET6, host + 1);
    } else {
        ip = canonical_ip(AF_INET, host);
        if (ip == NULL && is_host_name(host))
            ip = g_strdup(host);
    }
    if (ip == NULL)
        *why = g_strdup("not an address: neither IPv4, [IPv6] nor a host name");
    return ip;
}

gboolean address_parse(const char *text, gsize length, const char *own_ip, char **ip, guint16 *port,
                       char **why)
{
    const char *colon = memrchr(text, ':', length);
    if (colon == NULL) {
        *why = g_strdup("not an address: no port");
        return FALSE;
    }
    gsize host_length = (gsize)(colon - text);
    guint16 number;
    if (!parse_port(colon + 1, length - host_length - 1, &number)) {
        *why = g_strdup("not an address: the port is not a number from 1 to 65535");
        return FALSE;
    }
    char *host = parse_host(text, host_length, own_ip, why);
    if (host == NULL)
        return FALSE;
    *ip = host;
    *port = number;
    return TRUE;
}

enum address_kind address_kind(const char *ip)
{
    struct in6_addr address; /* large enough for both */
    if (inet_pton(AF_INET, ip, &address) == 1)
        return ADDRESS_IPV4;
    if (inet_pton(AF_INET6, ip, &address) == 1)
        return ADDRESS_IPV6;
    return is_host_name(ip) ? ADDRESS_NAME : ADDRESS_STRANGE;
}

gboolean address_is_cluster_name(const char *name)
{
    return *name != '\0' && name[strspn(name, DIGITS LETTERS "-")] == '\0';
}

void address_format(GString *out, const struct instance *instance)
{
    struct in6_addr address;
    const char *ip = instance->ip;
    if (*ip == '\0' || inet_pton(AF_INET6, ip, &address) == 1)
        g_string_append_printf(out, "[%s]", ip);
    else
        escape_append(out, ip, STRANGE_ESCAPED);
    g_string_append_printf(out, ":%u", instance->port);
}

char *address_host_name(const struct instance *instance)
{
    g_autoptr(GString) text = g_string_new(NULL);
    address_format(text, instance);
    if (strcmp(instance->cluster_name, INSTANCE_DEFAULT_CLUSTER) != 0) {
        g_string_append_c(text, '@');
        escape_append(text, instance->cluster_name, "");
    }
    g_autofree char *name = names_encode(text->str);
    g_autofree char *undone = names_decode(name); /* NULL for a shortened one */
    return undone != NULL ? g_steal_pointer(&name) : NULL;
}

/* Reads what address_host_name() writes for addresses that a user may register. */
static gboolean parse_decoded(const char *text, struct instance *instance, char **why)
{
    const char *at = strchr(text, '@');
    gsize length = at != NULL ? (gsize)(at - text) : strlen(text);
    g_autofree char *ip = NULL;
    if (at != NULL && !address_is_cluster_name(at + 1)) {
        *why = g_strdup("not an address: the cluster behind '@' is not [0-9a-zA-Z-]+");
        return FALSE;
    }
    if (!address_parse(text, length, NULL, &ip, &instance->port, why))
        return FALSE;
    instance->ip = g_steal_pointer(&ip);
    if (at != NULL) {
        g_free(instance->cluster_name);
        instance->cluster_name = g_strdup(at + 1);
    }
    return TRUE;
}

gboolean address_parse_host_name(const char *name, struct instance *to, char **why)
{
    g_autofree char *text = names_decode(name);
    if (text == NULL) {
        *why = g_strdup("not the canonical spelling of an address");
        return FALSE;
    }
    g_auto(instance) parsed;
    instance_copy(&parsed, to);
    g_clear_pointer(&parsed.ip, g_free);
    if (!parse_decoded(text, &parsed, why))
        return FALSE;
    g_autofree char *canonical = address_host_name(&parsed);
    if (g_strcmp0(canonical, name) != 0) {
        *why = g_strdup_printf("not the canonical spelling of an address, which is %s",
                               canonical != NULL ? canonical : "too long");
        return FALSE;
    }
    instance_clear(to);
    *to = parsed;
    memset(&parsed, 0, sizeof(parsed));
    return TRUE;
}
