/* SPDX-License-Identifier: MIT */
#include "naming/registry/subscriptions.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define MS 1000
#define SECOND G_USEC_PER_SEC

struct fixture {
    struct subscriptions *table;
};

static void set_up(struct fixture *f, gconstpointer unused)
{
    f->table = subscriptions_new();
}

static void tear_down(struct fixture *f, gconstpointer unused)
{
    subscriptions_free(f->table);
}

static struct subscriber_address address_of(guint16 port)
{
    struct subscriber_address address;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    g_assert_true(subscriber_address_set(&address, (struct sockaddr *)&from, port));
    return address;
}

static void subscribe(struct fixture *f, const char *service, guint16 port, gint64 now)
{
    struct subscription_request request = {
        .namespace_id = "public", .service = service, .clusters = "", .address = address_of(port)};
    g_assert_true(subscriptions_add(f->table, &request, now));
}

static void change(struct fixture *f, const char *service, gint64 now)
{
    subscriptions_changed(f->table, "public", service, now);
}

/* Sends whatever is due; how many datagrams that were. The last one's sequence is `*sequence`. */
static guint send_due(struct fixture *f, gint64 now, guint64 *sequence)
{
    struct subscription *subscription;
    guint sent = 0;
    while ((subscription = subscriptions_due(f->table, now))) {
        subscription_sent(subscription, ++*sequence, now);
        sent++;
    }
    return sent;
}

static void test_first_change_at_once(struct fixture *f, gconstpointer unused)
{
    guint64 sequence = 0;
    subscribe(f, "G@@s", 1, 0);
    g_assert_cmpuint(send_due(f, 0, &sequence), ==, 0);
    change(f, "G@@s", 5 * MS);
    g_assert_cmpint(subscriptions_next(f->table), ==, 5 * MS);
    g_assert_cmpuint(send_due(f, 5 * MS, &sequence), ==, 1);
}

static void test_changes_in_the_window_are_one(struct fixture *f, gconstpointer unused)
{
    guint64 sequence = 0;
    subscribe(f, "G@@s", 1, 0);
    change(f, "G@@s", 0);
    g_assert_cmpuint(send_due(f, 0, &sequence), ==, 1);
    for (gint64 now = 5 * MS; now < SUBSCRIPTIONS_WINDOW; now += 5 * MS) {
        change(f, "G@@s", now);
        g_assert_cmpuint(send_due(f, now, &sequence), ==, 0);
    }
    g_assert_cmpint(subscriptions_next(f->table), ==, SUBSCRIPTIONS_WINDOW);
    g_assert_cmpuint(send_due(f, SUBSCRIPTIONS_WINDOW, &sequence), ==, 1);
    g_assert_cmpuint(send_due(f, 300 * MS, &sequence), ==, 0);
}

static void test_change_of_another_service(struct fixture *f, gconstpointer unused)
{
    guint64 sequence = 0;
    subscribe(f, "G@@s", 1, 0);
    change(f, "G@@other", 0);
    g_assert_cmpuint(send_due(f, 0, &sequence), ==, 0);
}

static void test_no_answer_one_more(struct fixture *f, gconstpointer unused)
{
    guint64 sequence = 0;
    subscribe(f, "G@@s", 1, 0);
    change(f, "G@@s", 0);
    g_assert_cmpuint(send_due(f, 0, &sequence), ==, 1);
    g_assert_cmpuint(send_due(f, 10 * SECOND - MS, &sequence), ==, 0);
    g_assert_cmpuint(send_due(f, 10 * SECOND, &sequence), ==, 1);
    g_assert_cmpuint(send_due(f, 29 * SECOND, &sequence), ==, 0);
}

static void test_acknowledged_no_more(struct fixture *f, gconstpointer unused)
{
    guint64 sequence = 0;
    struct subscriber_address address = address_of(1), other = address_of(2);
    subscribe(f, "G@@s", 1, 0);
    change(f, "G@@s", 0);
    send_due(f, 0, &sequence);
    g_assert_false(subscriptions_acknowledge(f->table, &other, sequence));
    g_assert_false(subscriptions_acknowledge(f->table, &address, sequence + 1));
    g_assert_true(subscriptions_acknowledge(f->table, &address, sequence));
    g_assert_false(subscriptions_acknowledge(f->table, &address, sequence));
    g_assert_cmpuint(send_due(f, 20 * SECOND, &sequence), ==, 0);
}

static void test_newer_push_replaces_the_awaited(struct fixture *f, gconstpointer unused)
{
    guint64 sequence = 0;
    struct subscriber_address address = address_of(1);
    subscribe(f, "G@@s", 1, 0);
    change(f, "G@@s", 0);
    send_due(f, 0, &sequence);
    change(f, "G@@s", 5 * SECOND);
    send_due(f, 5 * SECOND, &sequence);
    g_assert_false(subscriptions_acknowledge(f->table, &address, 1));
    g_assert_cmpuint(send_due(f, 10 * SECOND, &sequence), ==, 0);
    g_assert_cmpuint(send_due(f, 15 * SECOND, &sequence), ==, 1);
}

static void test_lifetime(struct fixture *f, gconstpointer unused)
{
    subscribe(f, "G@@s", 1, 0);
    subscribe(f, "G@@s", 1, 20 * SECOND);
    g_assert_cmpuint(subscriptions_count(f->table), ==, 1);
    subscriptions_expire(f->table, 49 * SECOND);
    g_assert_cmpuint(subscriptions_count(f->table), ==, 1);
    subscriptions_expire(f->table, 50 * SECOND);
    g_assert_cmpuint(subscriptions_count(f->table), ==, 0);
    g_assert_cmpint(subscriptions_next(f->table), ==, TIMELINE_NEVER);
}

static void test_expires_while_awaited(struct fixture *f, gconstpointer unused)
{
    guint64 sequence = 0;
    struct subscriber_address address = address_of(1);
    subscribe(f, "G@@s", 1, 0);
    subscribe(f, "G@@t", 1, 10 * SECOND);
    change(f, "G@@s", 25 * SECOND);
    send_due(f, 25 * SECOND, &sequence);
    subscriptions_expire(f->table, 30 * SECOND);
    g_assert_false(subscriptions_acknowledge(f->table, &address, sequence));
    g_assert_cmpuint(subscriptions_count(f->table), ==, 1);
}

static void test_every_subscriber_hears(struct fixture *f, gconstpointer unused)
{
    guint64 sequence = 0;
    for (guint16 port = 1; port <= 100; port++)
        subscribe(f, "G@@s", port, 0);
    change(f, "G@@s", 0);
    g_assert_cmpuint(send_due(f, 0, &sequence), ==, 100);
}

static void test_fifty_a_second_to_one_address(struct fixture *f, gconstpointer unused)
{
    guint64 sequence = 0;
    guint in_a_second = 0, in_all = 0;
    for (int i = 0; i < 200; i++) {
        g_autofree char *name = g_strdup_printf("G@@s%d", i);
        subscribe(f, name, 1, 0);
        change(f, name, 0);
    }
    for (gint64 now = 0; now < 9 * SECOND; now += 5 * MS) {
        guint sent = send_due(f, now, &sequence);
        in_a_second += now < SECOND ? sent : 0;
        in_all += sent;
    }
    g_assert_cmpuint(in_a_second, <=, 50);
    g_assert_cmpuint(in_a_second, >=, 40);
    g_assert_cmpuint(in_all, ==, 200);
}

static void test_postponed_comes_later(struct fixture *f, gconstpointer unused)
{
    guint64 sequence = 0;
    subscribe(f, "G@@s", 1, 0);
    change(f, "G@@s", 0);
    struct subscription *subscription = subscriptions_due(f->table, 0);
    subscription_postpone(subscription, 0);
    g_assert_null(subscriptions_due(f->table, 0));
    g_assert_cmpuint(send_due(f, SECOND, &sequence), ==, 1);
}

#define ADD(name, function)                                                                        \
    g_test_add("/registry/subscriptions/" name, struct fixture, NULL, set_up, function, tear_down)

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    ADD("first-change", test_first_change_at_once);
    ADD("window", test_changes_in_the_window_are_one);
    ADD("another-service", test_change_of_another_service);
    ADD("no-answer", test_no_answer_one_more);
    ADD("acknowledged", test_acknowledged_no_more);
    ADD("newer-push", test_newer_push_replaces_the_awaited);
    ADD("lifetime", test_lifetime);
    ADD("expires-while-awaited", test_expires_while_awaited);
    ADD("every-subscriber", test_every_subscriber_hears);
    ADD("fifty-a-second", test_fifty_a_second_to_one_address);
    ADD("postponed", test_postponed_comes_later);
    return g_test_run();
}
