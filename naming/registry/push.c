/* SPDX-License-Identifier: MIT */
#include "naming/registry/push.h"

#include "naming/registry/alarm.h"
#include "naming/registry/datagram.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <unistd.h>

#define ACK_MAX 2048     /* bytes; a client's is 60 */
#define ACKS_AT_ONCE 256 /* read in one turn of the loop, so that HTTP gets its turns, too */
#define SEND_BUFFER (1 << 20)

/* The datagram made last, for the next subscriber who wants the same; valid within one run. */
struct made {
    const struct subscription_request *request; /* borrowed; NULL = none */
    GBytes *bytes;                              /* NULL = fits in no datagram */
    guint64 sequence;
};

struct push {
    struct subscriptions *subscriptions;
    int socket;
    guint64 sequence; /* of the datagram made last; grows with the monotonic clock in us, for
                         JavaScript repeats no more than 53 bits in its acknowledgement */
    GSource *alarm;
    GSource *readable;
    push_render_fn render;
    gpointer user_data;
};

static void made_clear(struct made *made)
{
    g_clear_pointer(&made->bytes, g_bytes_unref);
    made->request = NULL;
}

static gboolean wants_the_same(const struct subscription_request *a,
                               const struct subscription_request *b)
{
    /* The names are the topic's own, so one pointer is one topic. */
    return a && a->service == b->service && !a->grouped == !b->grouped &&
           g_str_equal(a->clusters, b->clusters);
}

static void make(struct push *push, struct made *made, const struct subscription_request *request)
{
    g_autofree char *data = push->render(request, push->user_data);
    made_clear(made);
    push->sequence = MAX((guint64)g_get_monotonic_time(), push->sequence + 1);
    made->sequence = push->sequence;
    made->bytes = datagram_push(data, made->sequence);
    made->request = request;
    if (!made->bytes)
        g_debug("%s: the list fits in no datagram, its subscribers must poll", request->service);
}

/* FALSE if the socket takes no more now. An unreachable subscriber simply does not acknowledge. */
static gboolean transmit(struct push *push, const struct subscriber_address *to, GBytes *bytes)
{
    gsize size;
    const void *data = g_bytes_get_data(bytes, &size);
    ssize_t sent = sendto(push->socket, data, size, MSG_DONTWAIT | MSG_NOSIGNAL,
                          (const struct sockaddr *)&to->sockaddr, to->length);
    if (sent < 0)
        g_debug("push: %s", g_strerror(errno));
    return sent >= 0 || (errno != EAGAIN && errno != ENOBUFS);
}

static void push_run(gpointer user_data)
{
    struct push *push = user_data;
    struct subscription *subscription;
    struct made made = {0};
    gint64 now = g_get_monotonic_time();
    subscriptions_expire(push->subscriptions, now);
    while ((subscription = subscriptions_due(push->subscriptions, now))) {
        const struct subscription_request *request = subscription_request(subscription);
        if (!wants_the_same(made.request, request))
            make(push, &made, request);
        if (!made.bytes || transmit(push, &request->address, made.bytes))
            subscription_sent(subscription, made.sequence, now);
        else
            subscription_postpone(subscription, now);
    }
    made_clear(&made);
    alarm_set(push->alarm, subscriptions_next(push->subscriptions));
}

static gboolean push_readable(gint fd, GIOCondition condition, gpointer user_data)
{
    struct push *push = user_data;
    char text[ACK_MAX];
    struct sockaddr_storage from;
    struct subscriber_address address;
    guint64 sequence;
    for (int i = 0; i < ACKS_AT_ONCE; i++) {
        socklen_t length = sizeof(from);
        ssize_t size =
            recvfrom(fd, text, sizeof(text), MSG_DONTWAIT, (struct sockaddr *)&from, &length);
        if (size < 0)
            break;
        if (datagram_parse_ack(text, size, &sequence) &&
            subscriber_address_set(&address, (struct sockaddr *)&from, 0))
            subscriptions_acknowledge(push->subscriptions, &address, sequence);
    }
    alarm_set(push->alarm, subscriptions_next(push->subscriptions));
    return G_SOURCE_CONTINUE;
}

/* -1 with a GIOError. */
static int open_socket(const struct sockaddr *local, GError **error)
{
    struct subscriber_address any;
    int size = SEND_BUFFER;
    subscriber_address_set(&any, local, 0);
    if (local->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)&any.sockaddr)->sin6_port = 0;
    else
        ((struct sockaddr_in *)&any.sockaddr)->sin_port = 0;
    int fd = socket(local->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&any.sockaddr, any.length) == 0) {
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        return fd;
    }
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno), "cannot open the push socket: %s",
                g_strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

struct push *push_new(GMainContext *context, const struct sockaddr *local, push_render_fn render,
                      gpointer user_data, GError **error)
{
    int fd = open_socket(local, error);
    if (fd < 0)
        return NULL;
    struct push *push = g_new0(struct push, 1);
    push->subscriptions = subscriptions_new();
    push->socket = fd;
    push->render = render;
    push->user_data = user_data;
    push->alarm = alarm_new(context, push_run, push);
    push->readable = g_unix_fd_source_new(fd, G_IO_IN);
    g_source_set_callback(push->readable, G_SOURCE_FUNC(push_readable), push, NULL);
    g_source_attach(push->readable, context);
    return push;
}

void push_free(struct push *push)
{
    if (!push)
        return;
    alarm_free(push->alarm);
    g_source_destroy(push->readable);
    g_source_unref(push->readable);
    subscriptions_free(push->subscriptions);
    close(push->socket);
    g_free(push);
}

gboolean push_subscribe(struct push *push, const struct subscription_request *request)
{
    gboolean added = subscriptions_add(push->subscriptions, request, g_get_monotonic_time());
    alarm_set(push->alarm, subscriptions_next(push->subscriptions));
    return added;
}

void push_changed(struct push *push, const char *namespace_id, const char *service)
{
    subscriptions_changed(push->subscriptions, namespace_id, service, g_get_monotonic_time());
    alarm_set(push->alarm, subscriptions_next(push->subscriptions));
}

const struct subscriptions *push_subscriptions(const struct push *push)
{
    return push->subscriptions;
}
