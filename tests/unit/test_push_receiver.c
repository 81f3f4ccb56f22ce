/* SPDX-License-Identifier: MIT */
#include "fake_proxy.h"
#include "naming/push_receiver.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#define T0 1795354611990 /* ms; a server's clock */
#define DEADLINE_US (10 * G_USEC_PER_SEC)

struct fixture {
    struct timers *timers;
    struct naming_proxy *proxy;
    struct push_receiver *receiver;
    struct host_reactor *reactor;
    struct service_key *key;
    int server;   /* sends from 127.0.0.1, a configured server */
    int stranger; /* sends from 127.0.0.2 */
    guint changes;
    guint troubles;
};

static void on_changed(const struct service_key *key, struct service_info *old,
                       struct service_info *info, gpointer user_data)
{
    ((struct fixture *)user_data)->changes++;
}

static void on_trouble(const char *path, const struct naming_result *result, gpointer user_data)
{
    ((struct fixture *)user_data)->troubles++;
}

static int sender(const char *address, guint16 port)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, address, &from.sin_addr);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&from, sizeof(from)), ==, 0);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&to, sizeof(to)), ==, 0);
    return fd;
}

static void set_up(struct fixture *f, gconstpointer unused)
{
    struct push_receiver_config push = {.trouble = {on_trouble, f}};
    struct host_reactor_config hosts = {
        .timeout_ms = 3000, .clusters = "", .changed = on_changed, .user_data = f};
    g_autofree char *why = NULL;

    push.timers = hosts.timers = f->timers = timers_new_manual();
    push.proxy = hosts.proxy = f->proxy = fake_proxy_new(f->timers);
    f->receiver = push_receiver_new(&push, &why);
    g_assert_nonnull(f->receiver);
    hosts.udp_port = push_receiver_port(f->receiver);
    f->reactor = host_reactor_new(&hosts);
    push_receiver_set_reactor(f->receiver, f->reactor);
    f->key = service_key_new("DEFAULT_GROUP", "order-svc");
    f->server = sender("127.0.0.1", hosts.udp_port);
    f->stranger = sender("127.0.0.2", hosts.udp_port);
    host_reactor_subscribe(f->reactor, f->key);
}

static void tear_down(struct fixture *f, gconstpointer unused)
{
    push_receiver_free(f->receiver);
    host_reactor_free(f->reactor);
    fake_proxy_free(f->proxy);
    timers_free(f->timers);
    service_key_free(f->key);
    close(f->server);
    close(f->stranger);
}

static guint64 accepted(const struct fixture *f)
{
    struct push_counts counts;

    push_receiver_counts(f->receiver, &counts);
    return counts.accepted;
}

static guint64 refused(const struct fixture *f)
{
    struct push_counts counts;

    push_receiver_counts(f->receiver, &counts);
    return counts.refused;
}

/* Runs the loop until so many datagrams were dealt with. */
static void dealt_with(struct fixture *f, guint64 n)
{
    gint64 end = g_get_monotonic_time() + DEADLINE_US;

    while (accepted(f) + refused(f) < n) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        if (!g_main_context_iteration(NULL, FALSE))
            g_usleep(200);
    }
    g_assert_cmpuint(accepted(f) + refused(f), ==, n);
}

static void deliver(struct fixture *f, int from, gconstpointer data, gsize length)
{
    guint64 before = accepted(f) + refused(f);

    g_assert_cmpint(send(from, data, length, 0), ==, (gssize)length);
    dealt_with(f, before + 1);
}

/* What came back, "" if nothing. */
static char *answer(int fd)
{
    char *text = g_malloc0(65536);

    if (recv(fd, text, 65535, MSG_DONTWAIT) < 0)
        text[0] = '\0';
    return text;
}

static char *packet(const char *type, const char *name, gint64 last_ref_time, guint hosts)
{
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = 1; i <= hosts; i++)
        g_string_append_printf(list, "%s{\\\"ip\\\":\\\"10.0.0.%u\\\",\\\"port\\\":80}",
                               i > 1 ? "," : "", i);
    return g_strdup_printf("{\"type\":\"%s\",\"data\":\"{\\\"name\\\":\\\"%s\\\","
                           "\\\"clusters\\\":\\\"\\\",\\\"cacheMillis\\\":10000,"
                           "\\\"lastRefTime\\\":%" G_GINT64_FORMAT ",\\\"hosts\\\":[%s]}\","
                           "\"lastRefTime\":1362867988661}",
                           type, name, last_ref_time, list->str);
}

static void push_to(struct fixture *f, int from, gint64 last_ref_time, guint hosts)
{
    g_autofree char *text = packet("dom", "DEFAULT_GROUP@@order-svc", last_ref_time, hosts);

    deliver(f, from, text, strlen(text));
}

static guint current_hosts(struct fixture *f)
{
    const struct service_info *info = host_reactor_current(f->reactor, f->key);

    return info == NULL ? G_MAXUINT : info->n_hosts;
}

static char *capture(const char *server, guint n, gsize *length)
{
    g_autofree char *name = g_strdup_printf("push-%u.bin", n);
    g_autofree char *path = g_build_filename(g_getenv("CAPTURES"), server, name, NULL);
    char *data = NULL;

    return g_file_get_contents(path, &data, length, NULL) ? data : NULL;
}

/* "lastRefTime":N} at the end of the recorded JSON beside the datagram. */
static char *expected_ack(const char *server, guint n)
{
    g_autofree char *name = g_strdup_printf("push-%u.json", n);
    g_autofree char *path = g_build_filename(g_getenv("CAPTURES"), server, name, NULL);
    g_autofree char *text = NULL;
    const char *number;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    number = strrchr(text, ':') + 1;
    number += strspn(number, " ");
    return g_strdup_printf("{\"type\": \"push-ack\", \"lastRefTime\":\"%.*s\", \"data\":\"\"}",
                           (int)strspn(number, "0123456789"), number);
}

static void test_recorded_pushes(struct fixture *f, gconstpointer server)
{
    g_autofree char *data = NULL;
    gsize length = 0;
    guint n = 0;

    while ((data = capture(server, n + 1, &length)) != NULL) {
        g_autofree char *ack = NULL;
        g_autofree char *wanted = expected_ack(server, ++n);

        deliver(f, f->server, data, length);
        g_assert_cmpuint(accepted(f), ==, n);
        ack = answer(f->server);
        g_assert_cmpstr(ack, ==, wanted);
        g_assert_cmpuint(strlen(ack), <=, length); /* no amplification */
        g_clear_pointer(&data, g_free);
    }
    g_assert_cmpuint(n, >=, 4);
    g_assert_cmpuint(current_hosts(f), ==, 0); /* each recording ends with an empty list */
    g_assert_cmpuint(f->troubles, ==, 0);
}

static void test_recorded_content(struct fixture *f, gconstpointer unused)
{
    gsize length = 0;
    g_autofree char *data = capture("nacos-1.4.8", 1, &length);
    const struct service_info *info;

    deliver(f, f->server, data, length);
    info = host_reactor_current(f->reactor, f->key);
    g_assert_cmpuint(info->n_hosts, ==, 2);
    g_assert_cmpstr(info->hosts[0].ip, ==, "10.1.2.3");
    g_assert_cmpstr(instance_get_metadata(&info->hosts[0], "zone"), ==, "cn-1");
    g_assert_cmpstr(info->hosts[1].cluster_name, ==, "hz");
    g_assert_cmpfloat(info->hosts[1].weight, ==, 2.5);
}

static void test_accepted_push_is_confirmed(struct fixture *f, gconstpointer unused)
{
    fake_answer_list(fake_waiting(f->proxy, FAKE_LIST),
                     fake_info(f->key, T0, (const guint[]){1, 0}));
    push_to(f, f->server, T0 + 1, 2);
    g_assert_cmpuint(current_hosts(f), ==, 2);
    g_assert_null(fake_waiting(f->proxy, FAKE_LIST));
    timers_advance(f->timers, 200000);
    g_assert_nonnull(fake_waiting(f->proxy, FAKE_LIST));
}

static void test_service_ack(struct fixture *f, gconstpointer unused)
{
    g_autofree char *text = packet("service", "DEFAULT_GROUP@@order-svc", T0, 1);
    g_autofree char *ack = NULL;

    deliver(f, f->server, text, strlen(text));
    ack = answer(f->server);
    g_assert_cmpstr(
        ack, ==, "{\"type\": \"service-ack\", \"lastRefTime\":\"1362867988661\", \"data\":\"\"}");
}

static void test_refused_without_an_answer(struct fixture *f, gconstpointer unused)
{
    const struct {
        const char *type;
        const char *name;
        gint64 last_ref_time;
    } rows[] = {
        {"dump", "DEFAULT_GROUP@@order-svc", T0 + 5},
        {"", "DEFAULT_GROUP@@order-svc", T0 + 5},
        {"DOM", "DEFAULT_GROUP@@order-svc", T0 + 5},
        {"dom", "DEFAULT_GROUP@@other", T0 + 5},           /* not subscribed */
        {"dom", "OTHER@@order-svc", T0 + 5},               /* nor this */
        {"dom", "", T0 + 5},                               /* nor anything */
        {"dom", "DEFAULT_GROUP@@order-svc", T0 - 1},       /* older */
        {"dom", "DEFAULT_GROUP@@order-svc", 0},            /* of no age */
        {"dom", "DEFAULT_GROUP@@order-svc", -1},           /* of no age */
        {"dom", "DEFAULT_GROUP@@order-svc", T0 + 3600000}, /* from the future */
    };

    fake_answer_list(fake_waiting(f->proxy, FAKE_LIST),
                     fake_info(f->key, T0, (const guint[]){1, 2, 3, 0}));
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = packet(rows[i].type, rows[i].name, rows[i].last_ref_time, 1);
        g_autofree char *ack = NULL;

        deliver(f, f->server, text, strlen(text));
        ack = answer(f->server);
        g_assert_cmpstr(ack, ==, "");
        g_assert_cmpuint(refused(f), ==, i + 1);
    }
    g_assert_cmpuint(current_hosts(f), ==, 3);
    g_assert_cmpuint(f->changes, ==, 1);
    g_assert_cmpuint(f->troubles, ==, 1); /* one a second */
}

static void test_forged_source(struct fixture *f, gconstpointer unused)
{
    g_autofree char *ack = NULL;

    fake_answer_list(fake_waiting(f->proxy, FAKE_LIST),
                     fake_info(f->key, T0, (const guint[]){1, 2, 3, 0}));
    push_to(f, f->stranger, T0 + 1, 1);
    ack = answer(f->stranger);
    g_assert_cmpstr(ack, ==, "");
    g_assert_cmpuint(refused(f), ==, 1);
    g_assert_cmpuint(current_hosts(f), ==, 3);
    g_assert_cmpuint(f->changes, ==, 1);
}

static void test_stranger_is_a_hint(struct fixture *f, gconstpointer unused)
{
    fake_answer_list(fake_waiting(f->proxy, FAKE_LIST),
                     fake_info(f->key, T0, (const guint[]){1, 2, 3, 0}));
    push_to(f, f->stranger, T0 + 1, 1);
    timers_advance(f->timers, 200000);
    g_assert_nonnull(fake_waiting(f->proxy, FAKE_LIST));
}

static void test_many_strangers_are_not_read(struct fixture *f, gconstpointer unused)
{
    fake_answer_list(fake_waiting(f->proxy, FAKE_LIST),
                     fake_info(f->key, T0, (const guint[]){1, 2, 3, 0}));
    for (guint i = 0; i < 11; i++)
        deliver(f, f->stranger, "{}", 2);
    push_to(f, f->stranger, T0 + 1, 1);
    timers_advance(f->timers, 200000);
    g_assert_null(fake_waiting(f->proxy, FAKE_LIST));
}

static void test_junk(struct fixture *f, gconstpointer unused)
{
    char junk[2048];
    gsize length = 0;
    g_autofree char *good = capture("nacos-1.4.8", 1, &length);

    deliver(f, f->server, "", 0);
    deliver(f, f->server, "\x1f\x8b", 2);
    for (guint i = 0; i < 40; i++) {
        for (guint j = 0; j < sizeof(junk); j++)
            junk[j] = (char)g_test_rand_int();
        deliver(f, f->server, junk, sizeof(junk));
    }
    for (guint i = 1; i < 40; i++) /* a real one, cut short */
        deliver(f, f->server, good, length * i / 40);
    g_assert_cmpuint(accepted(f), ==, 0);
    g_assert_cmpuint(current_hosts(f), ==, G_MAXUINT);
    deliver(f, f->server, good, length);
    g_assert_cmpuint(accepted(f), ==, 1);
}

static void test_bomb(struct fixture *f, gconstpointer unused)
{
    const gsize plain_length = 32u << 20;
    gsize length = 0;
    g_autofree char *good = capture("nacos-2.5.1", 1, &length); /* packed */
    g_autofree char *plain = g_malloc0(plain_length);
    g_autofree char *bomb = g_malloc(65536);
    z_stream stream = {.next_in = (Bytef *)plain,
                       .avail_in = (uInt)plain_length,
                       .next_out = (Bytef *)bomb,
                       .avail_out = 65536};

    deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    g_assert_cmpint(deflate(&stream, Z_FINISH), ==, Z_STREAM_END);
    for (guint i = 0; i < 50; i++)
        deliver(f, f->server, bomb, stream.total_out);
    deflateEnd(&stream);
    g_assert_cmpuint(refused(f), ==, 50);
    deliver(f, f->server, good, length); /* a second's unpacking is used up */
    g_assert_cmpuint(refused(f), ==, 51);
    timers_advance(f->timers, 2 * G_USEC_PER_SEC);
    deliver(f, f->server, good, length);
    g_assert_cmpuint(accepted(f), ==, 1);
}

static void test_flood(struct fixture *f, gconstpointer unused)
{
    guint64 sent = 0;

    for (guint round = 0; round < 100; round++) { /* 5,000 a second for a second */
        g_autofree char *text = packet("dom", "DEFAULT_GROUP@@order-svc", T0 + round, 1);

        for (guint i = 0; i < 50; i++, sent++)
            g_assert_cmpint(send(f->server, text, strlen(text), 0), >, 0);
        dealt_with(f, sent);
        timers_advance(f->timers, 10000);
    }
    g_assert_cmpuint(accepted(f), <=, 401);
    g_assert_cmpuint(accepted(f), >=, 390);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_LIST), ==, 1);
}

static void test_port_in_use(struct fixture *f, gconstpointer unused)
{
    struct push_receiver_config push = {
        .timers = f->timers, .proxy = f->proxy, .port = push_receiver_port(f->receiver)};
    char *why = NULL;

    g_assert_null(push_receiver_new(&push, &why));
    g_assert_nonnull(strstr(why, "UDP port"));
    g_free(why);
}

static void test_reaches_by_ipv6(struct fixture *f, gconstpointer unused)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6,
                              .sin6_port = htons(push_receiver_port(f->receiver)),
                              .sin6_addr = in6addr_loopback};
    g_autofree char *text = packet("dom", "DEFAULT_GROUP@@order-svc", T0, 1);
    g_autofree char *ack = NULL;
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        g_test_skip("no IPv6 here");
    } else {
        f->proxy->server = "::1";
        deliver(f, fd, text, strlen(text));
        g_assert_cmpuint(accepted(f), ==, 1);
        ack = answer(fd);
        g_assert_cmpstr(ack, !=, "");
    }
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        gconstpointer data;
        void (*fn)(struct fixture *, gconstpointer);
    } tests[] = {
        {"recorded/nacos-1.4.8", "nacos-1.4.8", test_recorded_pushes},
        {"recorded/nacos-2.5.1", "nacos-2.5.1", test_recorded_pushes},
        {"recorded/nacos-3.0.3", "nacos-3.0.3", test_recorded_pushes},
        {"recorded/content", NULL, test_recorded_content},
        {"accepted-is-confirmed", NULL, test_accepted_push_is_confirmed},
        {"service-ack", NULL, test_service_ack},
        {"refused-without-an-answer", NULL, test_refused_without_an_answer},
        {"forged-source", NULL, test_forged_source},
        {"stranger-is-a-hint", NULL, test_stranger_is_a_hint},
        {"many-strangers-are-not-read", NULL, test_many_strangers_are_not_read},
        {"junk", NULL, test_junk},
        {"bomb", NULL, test_bomb},
        {"flood", NULL, test_flood},
        {"port-in-use", NULL, test_port_in_use},
        {"ipv6", NULL, test_reaches_by_ipv6},
    };

    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/push_receiver/", tests[i].name, NULL);

        g_test_add(path, struct fixture, tests[i].data, set_up, tests[i].fn, tear_down);
    }
    return g_test_run();
}
