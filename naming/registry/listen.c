/* SPDX-License-Identifier: MIT */
#include "naming/registry/listen.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

gboolean listen_parse(const char *text, struct listen_address *address, GError **error)
{
    g_autoptr(GSocketConnectable) parsed =
        g_network_address_parse(text, LISTEN_DEFAULT_PORT, error);
    if (!parsed)
        return FALSE;
    GNetworkAddress *network = G_NETWORK_ADDRESS(parsed);
    const char *host = g_network_address_get_hostname(network);
    g_autofree char *port = g_strdup_printf("%u", g_network_address_get_port(network));
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    int result = getaddrinfo(host, port, &hints, &found);
    if (result != 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "cannot listen on %s: %s", text,
                    gai_strerror(result));
        return FALSE;
    }
    *address = (struct listen_address){.length = found->ai_addrlen};
    memcpy(&address->sockaddr, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return TRUE;
}

static gboolean bind_and_listen(int fd, struct listen_address *address)
{
    int on = 1;
    struct sockaddr *sockaddr = (struct sockaddr *)&address->sockaddr;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
           bind(fd, sockaddr, address->length) == 0 && listen(fd, LISTEN_BACKLOG) == 0 &&
           getsockname(fd, sockaddr, &address->length) == 0;
}

int listen_open(struct listen_address *address, GError **error)
{
    int fd = socket(address->sockaddr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind_and_listen(fd, address))
        return fd;
    int reason = errno;
    g_autofree char *name = listen_format(address);
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(reason), "cannot listen on %s: %s", name,
                g_strerror(reason));
    if (fd >= 0)
        close(fd);
    return -1;
}

static GSocketAddress *to_gio(const struct listen_address *address)
{
    return g_socket_address_new_from_native((gpointer)&address->sockaddr, address->length);
}

char *listen_format(const struct listen_address *address)
{
    g_autoptr(GSocketAddress) native = to_gio(address);
    return native ? g_socket_connectable_to_string(G_SOCKET_CONNECTABLE(native)) : g_strdup("?");
}

gboolean listen_is_loopback(const struct listen_address *address)
{
    g_autoptr(GSocketAddress) native = to_gio(address);
    return G_IS_INET_SOCKET_ADDRESS(native) &&
           g_inet_address_get_is_loopback(
               g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(native)));
}
