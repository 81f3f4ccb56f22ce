/* SPDX-License-Identifier: MIT */
#include "fs/listen_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static gboolean parse_port(const char *text, guint16 *port)
{
    guint64 number;
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT16, &number, NULL))
        return FALSE;
    *port = number;
    return TRUE;
}

/* `text` is ADDR or [ADDR] of `length` bytes. */
static gboolean parse_host(const char *text, gsize length, struct listen_address *address)
{
    gboolean brackets = length >= 2 && text[0] == '[' && text[length - 1] == ']';
    g_autofree char *host = brackets ? g_strndup(text + 1, length - 2) : g_strndup(text, length);
    unsigned char binary[sizeof(struct in6_addr)];
    address->family = brackets ? AF_INET6 : AF_INET;
    return inet_pton(address->family, host, binary) == 1 &&
           inet_ntop(address->family, binary, address->host, sizeof address->host);
}

gboolean listen_address_parse(const char *text, struct listen_address *address, char **why)
{
    const char *colon = strrchr(text, ':');
    if (colon && parse_host(text, colon - text, address) && parse_port(colon + 1, &address->port))
        return TRUE;
    *why = g_strdup_printf("listen=%s: not ADDR:PORT with a numeric address, as 127.0.0.1:8848 or "
                           "[::1]:8848",
                           text);
    return FALSE;
}

static socklen_t fill(const struct listen_address *address, union any_address *any)
{
    memset(any, 0, sizeof *any);
    any->any.sa_family = address->family;
    if (address->family == AF_INET) {
        any->v4.sin_port = htons(address->port);
        inet_pton(AF_INET, address->host, &any->v4.sin_addr);
        return sizeof any->v4;
    }
    any->v6.sin6_port = htons(address->port);
    inet_pton(AF_INET6, address->host, &any->v6.sin6_addr);
    return sizeof any->v6;
}

/* SO_REUSEADDR as servers set it: connections of an ended server that linger are no hindrance, a
 * listening socket is. */
int listen_address_try(const struct listen_address *address)
{
    union any_address any;
    socklen_t length = fill(address, &any);
    int one = 1;
    int fd = socket(address->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    int error = bind(fd, &any.any, length) || listen(fd, 1) ? errno : 0;
    close(fd);
    return error;
}

static char *format(int family, const char *host, guint16 port)
{
    return g_strdup_printf(family == AF_INET6 ? "[%s]:%u" : "%s:%u", host, port);
}

char *listen_address_format(const struct listen_address *address)
{
    return format(address->family, address->host, address->port);
}

char *listen_address_for_client(const struct listen_address *address)
{
    const char *host = address->host;
    if (g_str_equal(host, "0.0.0.0"))
        host = "127.0.0.1";
    else if (g_str_equal(host, "::"))
        host = "::1";
    return format(address->family, host, address->port);
}
