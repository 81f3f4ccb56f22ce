/* SPDX-License-Identifier: MIT */
#include "naming/push_receiver.h"

#include "naming/codec.h"
#include "naming/gunzip.h"
#include "naming/push_socket.h"

#include <string.h>

#define PUSH_RATE 200.0              /* datagrams a second that are looked at */
#define PUSH_UNPACKED_MAX (4u << 20) /* bytes of one; 64 KiB of an honest list unpack to less */
#define PUSH_UNPACKED_RATE (16.0 * (1 << 20)) /* bytes a second of all */
#define PUSH_HINT_RATE 10.0 /* datagrams of strangers a second that are looked at */

struct push_receiver {
    struct naming_proxy *proxy;
    struct timers *timers;
    struct host_reactor *reactor; /* NULL = not yet */
    struct push_socket *socket;
    struct trouble trouble;
    struct token_bucket datagrams;
    struct token_bucket unpacked;
    struct token_bucket hints;
    struct token_bucket words; /* troubles */
    struct push_counts counts;
};

/* Types that carry a list, and their acknowledgements (PushReceiver.PushType of the Java client).
 */
static const struct {
    const char *type;
    const char *ack;
} push_types[] = {
    {"dom", "push-ack"},
    {"service", "service-ack"},
};

const char *const naming_push_reasons[NAMING_PUSH_REASONS] = {
    [NAMING_PUSH_FLOOD] = "flood",       [NAMING_PUSH_GARBAGE] = "garbage",
    [NAMING_PUSH_STRANGER] = "stranger", [NAMING_PUSH_UNKNOWN] = "unknown",
    [NAMING_PUSH_CLUSTERS] = "clusters", [NAMING_PUSH_OLD] = "old",
    [NAMING_PUSH_FUTURE] = "future",
};

/* What becomes of a list that a server pushed. */
static const struct {
    enum naming_push_reason reason;
    const char *words;
} push_verdicts[] = {
    [PUSH_UNKNOWN] = {NAMING_PUSH_UNKNOWN, "push for a service that is not subscribed"},
    [PUSH_CLUSTERS] = {NAMING_PUSH_CLUSTERS, "push for other clusters than subscribed"},
    [PUSH_OLD] = {NAMING_PUSH_OLD, "push older than the list held"},
    [PUSH_FUTURE] = {NAMING_PUSH_FUTURE, "push ahead of the server's clock"},
};

static const char *push_ack_type(const char *type)
{
    for (gsize i = 0; i < G_N_ELEMENTS(push_types); i++)
        if (g_strcmp0(type, push_types[i].type) == 0)
            return push_types[i].ack;
    return NULL;
}

static void push_count(struct push_receiver *self, enum naming_push_reason reason)
{
    self->counts.refused++;
    self->counts.refused_by[reason]++;
}

/* Only those that were looked at are worth a word. */
static void push_tell(struct push_receiver *self, const struct push_datagram *datagram,
                      const struct service_key *key, const char *why)
{
    const struct naming_result result = {NAMING_REMOTE, datagram->source, why};

    if (token_bucket_take(&self->words, 1, timers_now(self->timers)))
        trouble_report(&self->trouble, key, &result);
}

/* The datagram's packet, unpacked if need be. */
static gboolean push_open(struct push_receiver *self, const struct push_datagram *datagram,
                          struct push_packet *packet, char **why)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    gboolean ok;

    if (!gunzip_is_gzip(datagram->data, datagram->length))
        return codec_push_packet(datagram->data, datagram->length, packet, why);
    if (token_bucket_wait(&self->unpacked, timers_now(self->timers)) > 0) {
        *why = g_strdup("too much to unpack");
        return FALSE;
    }
    text = gunzip(datagram->data, datagram->length, PUSH_UNPACKED_MAX, &length, why);
    token_bucket_take(&self->unpacked, (double)(text == NULL ? PUSH_UNPACKED_MAX : length),
                      timers_now(self->timers));
    ok = text != NULL && codec_push_packet(text, length, packet, why);
    return ok;
}

static struct service_info *push_list(const struct push_packet *packet, char **why)
{
    guint dropped = 0;

    if (push_ack_type(packet->type) == NULL) {
        *why = g_strdup("push of an unknown type");
        return NULL;
    }
    if (packet->data == NULL) {
        *why = g_strdup("push without data");
        return NULL;
    }
    return codec_service_info(packet->data, strlen(packet->data), NULL, &dropped, why);
}

static void push_acknowledge(const struct push_receiver *self, const struct push_datagram *datagram,
                             const struct push_packet *packet)
{
    g_autofree char *ack = NULL;

    if (packet->last_ref_time == NULL)
        return;
    ack = codec_push_ack(push_ack_type(packet->type), packet->last_ref_time);
    push_socket_send(self->socket, &datagram->from, ack);
}

static void push_apply(struct push_receiver *self, const struct push_datagram *datagram,
                       const struct push_packet *packet, struct service_info *info)
{
    enum push_verdict verdict = host_reactor_push(self->reactor, info);

    if (verdict != PUSH_ACCEPTED) {
        push_count(self, push_verdicts[verdict].reason);
        push_tell(self, datagram, &info->key, push_verdicts[verdict].words);
        return;
    }
    self->counts.accepted++;
    push_acknowledge(self, datagram, packet);
}

static void push_read(struct push_receiver *self, const struct push_datagram *datagram,
                      gboolean trusted)
{
    struct push_packet packet = {0};
    g_autofree char *why = NULL;
    g_autoptr(service_info) info = NULL;

    if (push_open(self, datagram, &packet, &why))
        info = push_list(&packet, &why);
    if (info == NULL) {
        push_count(self, NAMING_PUSH_GARBAGE);
        push_tell(self, datagram, NULL, why);
    } else if (trusted) {
        push_apply(self, datagram, &packet, info);
    } else {
        host_reactor_refresh(self->reactor, &info->key);
        push_count(self, NAMING_PUSH_STRANGER);
        push_tell(self, datagram, &info->key, "push from a stranger");
    }
    push_packet_clear(&packet);
}

static void push_on_datagram(const struct push_datagram *datagram, gpointer user_data)
{
    struct push_receiver *self = user_data;
    gint64 now = timers_now(self->timers);
    gboolean trusted;

    if (self->reactor == NULL || !token_bucket_take(&self->datagrams, 1, now)) {
        push_count(self, NAMING_PUSH_FLOOD);
        return;
    }
    trusted = naming_proxy_is_server(self->proxy, datagram->source);
    if (trusted || token_bucket_take(&self->hints, 1, now))
        push_read(self, datagram, trusted);
    else
        push_count(self, NAMING_PUSH_FLOOD);
}

struct push_receiver *push_receiver_new(const struct push_receiver_config *config, char **why)
{
    struct push_receiver *self = g_new0(struct push_receiver, 1);
    gint64 now = timers_now(config->timers);

    self->proxy = config->proxy;
    self->timers = config->timers;
    self->trouble = config->trouble;
    token_bucket_init(&self->datagrams, PUSH_RATE, PUSH_RATE, now);
    token_bucket_init(&self->unpacked, PUSH_UNPACKED_RATE, PUSH_UNPACKED_RATE, now);
    token_bucket_init(&self->hints, PUSH_HINT_RATE, PUSH_HINT_RATE, now);
    token_bucket_init(&self->words, 1, 1, now);
    self->socket = push_socket_new(config->port, push_on_datagram, self, why);
    if (self->socket == NULL)
        g_clear_pointer(&self, g_free);
    return self;
}

void push_receiver_free(struct push_receiver *self)
{
    push_socket_free(self->socket);
    g_free(self);
}

void push_receiver_set_reactor(struct push_receiver *self, struct host_reactor *reactor)
{
    self->reactor = reactor;
}

guint16 push_receiver_port(const struct push_receiver *self)
{
    return push_socket_port(self->socket);
}

void push_receiver_counts(const struct push_receiver *self, struct push_counts *counts)
{
    *counts = self->counts;
}
