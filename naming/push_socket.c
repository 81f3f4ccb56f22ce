/* SPDX-License-Identifier: MIT */
#include "naming/push_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#define DATAGRAM_MAX 65536  /* no UDP datagram is longer */
#define DATAGRAMS_A_TURN 64 /* then the rest of the loop has its turn */
#define RECEIVE_BUFFER (1 << 20)

struct push_socket {
    int fd;
    guint16 port;
    GSource *source;
    push_datagram_fn received;
    gpointer user_data;
    char buffer[DATAGRAM_MAX];
};

static void push_socket_name(struct push_datagram *datagram)
{
    const union push_address *from = &datagram->from;
    const struct in6_addr *in6 = &from->in6.sin6_addr;

    if (from->any.sa_family == AF_INET)
        inet_ntop(AF_INET, &from->in.sin_addr, datagram->source, sizeof(datagram->source));
    else if (IN6_IS_ADDR_V4MAPPED(in6))
        inet_ntop(AF_INET, &in6->s6_addr[12], datagram->source, sizeof(datagram->source));
    else
        inet_ntop(AF_INET6, in6, datagram->source, sizeof(datagram->source));
}

static gboolean push_socket_on_readable(int fd, GIOCondition condition, gpointer user_data)
{
    struct push_socket *self = user_data;

    for (guint i = 0; i < DATAGRAMS_A_TURN; i++) {
        struct push_datagram datagram = {.data = self->buffer};
        socklen_t length = sizeof(datagram.from);
        ssize_t n =
            recvfrom(fd, self->buffer, sizeof(self->buffer), 0, &datagram.from.any, &length);

        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            continue; /* EINTR, or an ICMP error that tells nothing of use */
        datagram.length = (gsize)n;
        push_socket_name(&datagram);
        self->received(&datagram, self->user_data);
    }
    return G_SOURCE_CONTINUE;
}

/* A bound descriptor, or -1 and errno. */
static int push_socket_bind(int family, guint16 port)
{
    union push_address address = {.any.sa_family = (sa_family_t)family};
    socklen_t length = family == AF_INET6 ? sizeof(address.in6) : sizeof(address.in);
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int off = 0, room = RECEIVE_BUFFER, error;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)); /* as much as is allowed */
    if (family == AF_INET6) {
        address.in6.sin6_port = htons(port);
        address.in6.sin6_addr = in6addr_any;
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    } else {
        address.in.sin_port = htons(port);
    }
    if (bind(fd, &address.any, length) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

struct push_socket *push_socket_new(guint16 port, push_datagram_fn received, gpointer user_data,
                                    char **why)
{
    struct push_socket *self;
    union push_address address;
    socklen_t length = sizeof(address);
    int fd = push_socket_bind(AF_INET6, port);

    if (fd < 0)
        fd = push_socket_bind(AF_INET, port);
    if (fd < 0 || getsockname(fd, &address.any, &length) != 0) {
        *why = g_strdup_printf("UDP port %u: %s", port, g_strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    self = g_new0(struct push_socket, 1);
    self->fd = fd;
    self->port =
        ntohs(address.any.sa_family == AF_INET6 ? address.in6.sin6_port : address.in.sin_port);
    self->received = received;
    self->user_data = user_data;
    self->source = g_unix_fd_source_new(fd, G_IO_IN);
    g_source_set_callback(self->source, G_SOURCE_FUNC(push_socket_on_readable), self, NULL);
    g_source_attach(self->source, g_main_context_get_thread_default());
    return self;
}

void push_socket_free(struct push_socket *self)
{
    g_source_destroy(self->source);
    g_source_unref(self->source);
    close(self->fd);
    g_free(self);
}

guint16 push_socket_port(const struct push_socket *self)
{
    return self->port;
}

void push_socket_send(const struct push_socket *self, const union push_address *to,
                      const char *text)
{
    socklen_t length = to->any.sa_family == AF_INET6 ? sizeof(to->in6) : sizeof(to->in);

    sendto(self->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL, &to->any, length);
}
