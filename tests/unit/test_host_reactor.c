/* SPDX-License-Identifier: MIT */
#include "fake_proxy.h"
#include "naming/host_reactor.h"

#define MS 1000
#define SEC (1000 * MS)
#define T0 1795354611990 /* ms; a server's clock */

static const guint none[] = {0};
static const guint one[] = {1, 0};
static const guint two[] = {1, 2, 0};

struct fixture {
    struct timers *timers;
    struct naming_proxy *proxy;
    struct host_reactor *reactor;
    struct service_key *key;
    guint changes;
    guint old_hosts; /* of the last change; G_MAXUINT = there was no list */
    guint new_hosts;
    guint troubles;
    guint heard;          /* answers */
    gint64 asked;         /* us; of the last one heard */
    gboolean unsubscribe; /* from within the next change */
};

struct waited {
    guint calls;
    enum naming_status status;
    guint hosts;
};

static void on_changed(const struct service_key *key, struct service_info *old,
                       struct service_info *info, gpointer user_data)
{
    struct fixture *f = user_data;

    g_assert_true(service_key_equal(key, &info->key));
    f->changes++;
    f->old_hosts = old == NULL ? G_MAXUINT : old->n_hosts;
    f->new_hosts = info->n_hosts;
    g_assert_true(host_reactor_current(f->reactor, key) == info); /* readable first */
    if (f->unsubscribe)
        host_reactor_unsubscribe(f->reactor, key);
}

static void on_heard(const struct service_info *info, gint64 asked, gpointer user_data)
{
    struct fixture *f = user_data;

    f->heard++;
    f->asked = asked;
}

static void on_trouble(const char *path, const struct naming_result *result, gpointer user_data)
{
    struct fixture *f = user_data;

    f->troubles++;
}

static void on_list(const struct naming_result *result, struct service_info *info,
                    gpointer user_data)
{
    struct waited *waited = user_data;

    waited->calls++;
    waited->status = result->status;
    g_assert_true((info != NULL) == (result->status == NAMING_OK));
    waited->hosts = info == NULL ? 0 : info->n_hosts;
}

static void set_up(struct fixture *f, gconstpointer udp_port)
{
    struct host_reactor_config config = {
        .timeout_ms = 3000,
        .clusters = "",
        .udp_port = (guint16)GPOINTER_TO_UINT(udp_port),
        .heard = on_heard,
        .changed = on_changed,
        .user_data = f,
        .trouble = {on_trouble, f},
    };

    config.timers = f->timers = timers_new_manual();
    config.proxy = f->proxy = fake_proxy_new(f->timers);
    f->reactor = host_reactor_new(&config);
    f->key = service_key_new("G", "svc");
}

static void tear_down(struct fixture *f, gconstpointer udp_port)
{
    host_reactor_free(f->reactor);
    fake_proxy_free(f->proxy);
    timers_free(f->timers);
    service_key_free(f->key);
}

static struct fake_call *next_list(struct fixture *f)
{
    for (guint i = 0; i < 70000 && fake_waiting(f->proxy, FAKE_LIST) == NULL; i++)
        timers_advance(f->timers, MS);
    g_assert_nonnull(fake_waiting(f->proxy, FAKE_LIST));
    return fake_waiting(f->proxy, FAKE_LIST);
}

/* Answers the next list request; us since the one before. */
static gint64 round_of(struct fixture *f, gint64 last_ref_time, const guint *hosts)
{
    gint64 before = f->proxy->log->len > 0 && fake_waiting(f->proxy, FAKE_LIST) == NULL
                        ? fake_last(f->proxy, FAKE_LIST)
                        : timers_now(f->timers);
    struct fake_call *call = next_list(f);
    gint64 apart = call->at - before;

    fake_answer_list(call, fake_info(f->key, last_ref_time, hosts));
    return apart;
}

static gint64 failed_round(struct fixture *f, enum naming_status status)
{
    gint64 before = timers_now(f->timers);
    struct fake_call *call = next_list(f);
    gint64 apart = call->at - before;

    fake_answer(call, status);
    return apart;
}

static void subscribed(struct fixture *f, gint64 last_ref_time, const guint *hosts)
{
    host_reactor_subscribe(f->reactor, f->key);
    g_assert_nonnull(fake_waiting(f->proxy, FAKE_LIST)); /* at once */
    round_of(f, last_ref_time, hosts);
}

static enum push_verdict push(struct fixture *f, gint64 last_ref_time, const guint *hosts)
{
    g_autoptr(service_info) info = fake_info(f->key, last_ref_time, hosts);

    return host_reactor_push(f->reactor, info);
}

static guint current_hosts(struct fixture *f)
{
    return host_reactor_current(f->reactor, f->key)->n_hosts;
}

static void test_first_list_is_a_change_even_if_empty(struct fixture *f, gconstpointer udp_port)
{
    subscribed(f, 0, none);
    g_assert_cmpuint(f->changes, ==, 1);
    g_assert_cmpuint(f->old_hosts, ==, G_MAXUINT);
    g_assert_cmpuint(current_hosts(f), ==, 0);
}

static void test_same_hosts_are_no_change(struct fixture *f, gconstpointer udp_port)
{
    const struct service_info *first;

    subscribed(f, T0, one);
    first = host_reactor_current(f->reactor, f->key);
    round_of(f, T0 + 10000, one);
    g_assert_cmpuint(f->changes, ==, 1);
    g_assert_true(host_reactor_current(f->reactor, f->key) == first);
    round_of(f, T0 + 20000, two);
    g_assert_cmpuint(f->changes, ==, 2);
    g_assert_cmpuint(f->old_hosts, ==, 1);
    g_assert_cmpuint(f->new_hosts, ==, 2);
}

static void test_one_second_then_cache_millis(struct fixture *f, gconstpointer udp_port)
{
    gint64 apart;

    subscribed(f, T0, one);
    apart = round_of(f, T0, one);
    g_assert_cmpint(apart, >=, 900 * MS);
    g_assert_cmpint(apart, <=, 1100 * MS);
    for (guint i = 0; i < 20; i++) {
        apart = round_of(f, T0, one);
        g_assert_cmpint(apart, >=, udp_port != NULL ? 6400 * MS : 9000 * MS);
        g_assert_cmpint(apart, <=, udp_port != NULL ? 8000 * MS : 11000 * MS);
    }
}

static void test_empty_list_keeps_polling(struct fixture *f, gconstpointer udp_port)
{
    gint64 most = udp_port != NULL ? 8 * SEC : 10 * SEC;
    gint64 apart = 0;

    subscribed(f, 0, none);
    apart = round_of(f, 0, none);
    g_assert_cmpint(apart, <=, 2200 * MS);
    for (guint i = 0; i < 20; i++) {
        apart = round_of(f, 0, none);
        g_assert_cmpint(apart, <=, most);
    }
    g_assert_cmpint(apart, >=, most * 8 / 10);
}

static void test_errors_keep_polling_and_the_list(struct fixture *f, gconstpointer udp_port)
{
    struct naming_freshness freshness;

    subscribed(f, T0, two);
    for (guint i = 0; i < 20; i++) {
        gint64 apart = failed_round(f, NAMING_UNREACHABLE);

        g_assert_cmpint(apart, >=, 400 * MS);
        g_assert_cmpint(apart, <=, udp_port != NULL ? 8 * SEC : 10 * SEC);
    }
    g_assert_cmpuint(current_hosts(f), ==, 2);
    g_assert_cmpuint(f->changes, ==, 1);
    g_assert_cmpuint(f->troubles, ==, 1); /* once a run of errors */
    g_assert_true(host_reactor_freshness(f->reactor, f->key, &freshness));
    g_assert_true(freshness.stale);
    round_of(f, T0, two);
    g_assert_true(host_reactor_freshness(f->reactor, f->key, &freshness));
    g_assert_false(freshness.stale);
    g_assert_cmpint(freshness.confirmed, ==, timers_now(f->timers));
    g_assert_cmpstr(freshness.source, ==, "server");
}

static void test_slow_failures_do_not_postpone_the_renewal(struct fixture *f,
                                                           gconstpointer udp_port)
{
    subscribed(f, T0, one);
    for (guint i = 0; i < 20; i++) {
        gint64 sent = next_list(f)->at;

        timers_advance(f->timers, 3 * SEC);
        fake_answer(fake_waiting(f->proxy, FAKE_LIST), NAMING_TIMEOUT);
        g_assert_cmpint(next_list(f)->at - sent, <=, 8 * SEC);
    }
}

static void test_pushes_do_not_postpone_the_renewal(struct fixture *f, gconstpointer udp_port)
{
    subscribed(f, T0, one);
    f->proxy->latency_us = 0;
    for (guint i = 1; i < 100; i++) {
        gint64 before = fake_last(f->proxy, FAKE_LIST);
        struct fake_call *call;

        timers_advance(f->timers, 500 * MS);
        push(f, T0 + i * 500, i % 2 ? one : two);
        call = fake_waiting(f->proxy, FAKE_LIST);
        if (call != NULL) {
            g_assert_cmpint(call->at - before, <=, 8 * SEC);
            g_assert_cmpuint(call->udp_port, ==, 4711);
            fake_answer_list(call, fake_info(f->key, T0 + i * 500, i % 2 ? one : two));
        }
        g_assert_cmpint(timers_now(f->timers) - fake_last(f->proxy, FAKE_LIST), <=, 8 * SEC);
    }
}

static void test_waiters_share_one_request(struct fixture *f, gconstpointer udp_port)
{
    struct waited waited[5] = {0};

    host_reactor_subscribe(f->reactor, f->key);
    for (guint i = 0; i < 5; i++)
        host_reactor_wait(f->reactor, f->key, on_list, &waited[i]);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_LIST), ==, 1);
    round_of(f, T0, two);
    g_assert_cmpuint(waited[0].calls, ==, 0); /* from a turn of its own */
    timers_advance(f->timers, 1);
    for (guint i = 0; i < 5; i++) {
        g_assert_cmpuint(waited[i].calls, ==, 1);
        g_assert_cmpuint(waited[i].hosts, ==, 2);
    }
}

static void test_waiters_get_the_error(struct fixture *f, gconstpointer udp_port)
{
    struct waited waited[2] = {0};

    host_reactor_subscribe(f->reactor, f->key);
    host_reactor_wait(f->reactor, f->key, on_list, &waited[0]);
    host_reactor_wait(f->reactor, f->key, on_list, &waited[1]);
    failed_round(f, NAMING_UNREACHABLE);
    timers_advance(f->timers, 1);
    g_assert_cmpint(waited[0].status, ==, NAMING_UNREACHABLE);
    g_assert_cmpint(waited[1].status, ==, NAMING_UNREACHABLE);
    g_assert_cmpuint(f->troubles, ==, 0); /* they were told */
    host_reactor_wait(f->reactor, f->key, on_list, &waited[0]);
    g_assert_nonnull(fake_waiting(f->proxy, FAKE_LIST)); /* no back-off for one who waits */
}

static void test_wait_for_a_held_list(struct fixture *f, gconstpointer udp_port)
{
    struct waited waited = {0};

    subscribed(f, T0, one);
    host_reactor_wait(f->reactor, f->key, on_list, &waited);
    g_assert_cmpuint(waited.calls, ==, 0);
    host_reactor_unsubscribe(f->reactor, f->key);
    timers_advance(f->timers, 1);
    g_assert_cmpuint(waited.hosts, ==, 1);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_LIST), ==, 1);
}

static void test_wait_ends_in_time(struct fixture *f, gconstpointer udp_port)
{
    struct waited waited = {0};

    host_reactor_subscribe(f->reactor, f->key);
    host_reactor_wait(f->reactor, f->key, on_list, &waited);
    timers_advance(f->timers, 3100 * MS);
    g_assert_cmpint(waited.status, ==, NAMING_TIMEOUT);
    round_of(f, T0, one);
    timers_advance(f->timers, 1);
    g_assert_cmpuint(waited.calls, ==, 1);
}

static void test_cancelled_wait(struct fixture *f, gconstpointer udp_port)
{
    struct waited waited[2] = {0};
    struct naming_call *calls[2];

    host_reactor_subscribe(f->reactor, f->key);
    for (guint i = 0; i < 2; i++)
        calls[i] = host_reactor_wait(f->reactor, f->key, on_list, &waited[i]);
    naming_call_cancel(calls[0]);
    round_of(f, T0, one);
    naming_call_cancel(calls[1]); /* answered, not yet called */
    timers_advance(f->timers, 1);
    g_assert_cmpuint(waited[0].calls + waited[1].calls, ==, 0);
}

static void test_wait_outlives_unsubscribe(struct fixture *f, gconstpointer udp_port)
{
    struct waited waited = {0};

    host_reactor_subscribe(f->reactor, f->key);
    host_reactor_wait(f->reactor, f->key, on_list, &waited);
    host_reactor_unsubscribe(f->reactor, f->key);
    g_assert_null(host_reactor_current(f->reactor, f->key));
    round_of(f, T0, one);
    timers_advance(f->timers, 60 * SEC);
    g_assert_cmpuint(waited.hosts, ==, 1);
    g_assert_cmpuint(f->changes, ==, 0);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_LIST), ==, 1);
}

static void test_last_wait_gone_ends_the_request(struct fixture *f, gconstpointer udp_port)
{
    struct naming_call *call = host_reactor_wait(f->reactor, f->key, on_list, NULL);

    g_assert_cmpuint(fake_waiting(f->proxy, FAKE_LIST)->udp_port, ==, 0);
    naming_call_cancel(call);
    g_assert_null(fake_waiting(f->proxy, FAKE_LIST));
}

static void test_subscribe_while_a_mere_wait_runs(struct fixture *f, gconstpointer udp_port)
{
    struct waited waited = {0};
    gint64 listed;

    host_reactor_wait(f->reactor, f->key, on_list, &waited);
    host_reactor_subscribe(f->reactor, f->key);
    round_of(f, T0, one);
    g_assert_cmpuint(f->changes, ==, 1);
    listed = timers_now(f->timers);
    g_assert_cmpint(next_list(f)->at, <=, listed + 200 * MS);
    g_assert_cmpuint(next_list(f)->udp_port, ==, 4711);
}

static void test_unsubscribe_stops_and_forgets(struct fixture *f, gconstpointer udp_port)
{
    subscribed(f, T0, one);
    host_reactor_subscribe(f->reactor, f->key);
    g_assert_cmpuint(host_reactor_count(f->reactor), ==, 1);
    host_reactor_unsubscribe(f->reactor, f->key);
    host_reactor_unsubscribe(f->reactor, f->key);
    g_assert_cmpuint(host_reactor_count(f->reactor), ==, 0);
    timers_advance(f->timers, 60 * SEC);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_LIST), ==, 1);
    g_assert_cmpint(push(f, T0 + 1, two), ==, PUSH_UNKNOWN);
    subscribed(f, T0, one);
    g_assert_cmpuint(f->old_hosts, ==, G_MAXUINT);
}

static void test_unsubscribe_from_within_a_change(struct fixture *f, gconstpointer udp_port)
{
    f->unsubscribe = TRUE;
    subscribed(f, T0, one);
    timers_advance(f->timers, 60 * SEC);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_LIST), ==, 1);
}

static void test_refresh_is_coalesced(struct fixture *f, gconstpointer udp_port)
{
    gint64 asked;

    subscribed(f, T0, one);
    timers_advance(f->timers, 500 * MS);
    asked = timers_now(f->timers);
    for (guint i = 0; i < 100; i++)
        host_reactor_refresh(f->reactor, f->key);
    round_of(f, T0, one);
    g_assert_cmpint(fake_last(f->proxy, FAKE_LIST) - asked, <=, 200 * MS);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_LIST), ==, 2);
    timers_advance(f->timers, 1 * SEC);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_LIST), ==, 2);
}

static void test_refresh_of_one_service_is_limited(struct fixture *f, gconstpointer udp_port)
{
    guint before;

    subscribed(f, T0, one);
    before = fake_count(f->proxy, FAKE_LIST);
    for (guint i = 0; i < 10000; i++) {
        host_reactor_refresh(f->reactor, f->key);
        timers_advance(f->timers, MS);
        if (fake_waiting(f->proxy, FAKE_LIST) != NULL)
            round_of(f, T0, one);
    }
    g_assert_cmpuint(fake_count(f->proxy, FAKE_LIST) - before, <=, 51);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_LIST) - before, >=, 40);
}

static void test_refresh_during_a_request_asks_again(struct fixture *f, gconstpointer udp_port)
{
    subscribed(f, T0, one);
    next_list(f);
    host_reactor_refresh(f->reactor, f->key);
    round_of(f, T0, one);
    g_assert_cmpint(round_of(f, T0, two), <=, 200 * MS);
}

static void script_two(struct fake_call *call, gpointer user_data)
{
    fake_answer_list(call, fake_info(call->key, T0, two));
}

static void script_down(struct fake_call *call, gpointer user_data)
{
    fake_answer(call, NAMING_TIMEOUT);
}

static void subscribe_many(struct fixture *f, guint n)
{
    f->proxy->script = script_two;
    f->proxy->latency_us = 2 * MS;
    for (guint i = 0; i < n; i++) {
        g_autofree char *name = g_strdup_printf("svc%u", i);
        g_autoptr(service_key) key = service_key_new("G", name);

        host_reactor_subscribe(f->reactor, key);
    }
}

static void test_refreshes_in_all_are_limited(struct fixture *f, gconstpointer udp_port)
{
    subscribe_many(f, 500);
    timers_advance(f->timers, 30 * SEC);
    g_array_set_size(f->proxy->log, 0);
    for (guint i = 0; i < 1000; i++) {
        for (guint j = 0; j < 500; j++) {
            g_autofree char *name = g_strdup_printf("svc%u", j);
            const struct service_key key = {(char *)"G", name};

            host_reactor_refresh(f->reactor, &key);
        }
        timers_advance(f->timers, 10 * MS);
    }
    /* 10 s: 50 refreshes a second, and what the clock asks for */
    g_assert_cmpuint(f->proxy->log->len, <=, 510 + 500 * 10 / 6);
    g_assert_cmpuint(f->proxy->log->len, >=, 500);
}

static void test_polls_of_many_are_even(struct fixture *f, gconstpointer udp_port)
{
    enum { SERVICES = 10000, SECONDS = 24 };
    guint most = 0;

    subscribe_many(f, SERVICES);
    timers_advance(f->timers, 60 * SEC);
    g_assert_cmpuint(f->changes, ==, SERVICES);
    for (guint i = 0; i < SECONDS; i++) {
        g_array_set_size(f->proxy->log, 0);
        timers_advance(f->timers, 1 * SEC);
        most = MAX(most, f->proxy->log->len);
    }
    g_assert_cmpuint(most, <=, 2 * SERVICES / 8);
    g_assert_cmpuint(most, >=, SERVICES / 8);
}

static void test_heal_does_not_thunder(struct fixture *f, gconstpointer udp_port)
{
    subscribe_many(f, 600);
    timers_advance(f->timers, 30 * SEC);
    f->proxy->script = script_down;
    f->proxy->latency_us = 3 * SEC;
    timers_advance(f->timers, 600 * SEC);
    f->proxy->script = script_two;
    f->proxy->latency_us = 2 * MS;
    for (guint i = 0; i < 20; i++) {
        g_array_set_size(f->proxy->log, 0);
        timers_advance(f->timers, 1 * SEC);
        g_assert_cmpuint(f->proxy->log->len, <=, 200);
    }
}

static void test_wait_passes_the_polls_by(struct fixture *f, gconstpointer udp_port)
{
    struct waited waited = {0};
    struct service_key *urgent = f->key;

    subscribe_many(f, 200);
    f->proxy->script = NULL; /* the first 32 hang */
    g_assert_cmpuint(fake_count(f->proxy, FAKE_LIST), ==, 32);
    host_reactor_subscribe(f->reactor, urgent);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_LIST), ==, 32);
    host_reactor_wait(f->reactor, urgent, on_list, &waited);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_LIST), ==, 33);
}

static void test_push_is_applied_and_confirmed(struct fixture *f, gconstpointer udp_port)
{
    struct naming_freshness freshness;

    subscribed(f, T0, one);
    timers_advance(f->timers, 500 * MS);
    g_assert_cmpint(push(f, T0 + 500, two), ==, PUSH_ACCEPTED);
    g_assert_cmpuint(f->changes, ==, 2);
    g_assert_true(host_reactor_freshness(f->reactor, f->key, &freshness));
    g_assert_cmpstr(freshness.source, ==, "push");
    g_assert_cmpint(next_list(f)->at - freshness.confirmed, <=, 200 * MS);
}

static void test_tcp_wins_over_a_wrong_push(struct fixture *f, gconstpointer udp_port)
{
    subscribed(f, T0, one);
    g_assert_cmpint(push(f, T0 + 60000, two), ==, PUSH_ACCEPTED); /* ahead of the server's clock */
    round_of(f, T0 + 100, one);
    g_assert_cmpuint(current_hosts(f), ==, 1);
    g_assert_cmpint(push(f, T0 + 200, two), ==, PUSH_ACCEPTED); /* nothing is poisoned */
}

static void test_reply_overtaken_by_a_push_is_dropped(struct fixture *f, gconstpointer udp_port)
{
    subscribed(f, T0, one);
    next_list(f);
    g_assert_cmpint(push(f, T0 + 1500, two), ==, PUSH_ACCEPTED);
    round_of(f, T0 + 1000, one); /* asked, and built, before the push */
    g_assert_cmpuint(current_hosts(f), ==, 2);
    g_assert_cmpint(round_of(f, T0 + 1700, two), <=, 200 * MS);
    g_assert_cmpuint(f->changes, ==, 2);
}

static void test_later_reply_wins_though_asked_before_the_push(struct fixture *f,
                                                               gconstpointer udp_port)
{
    subscribed(f, T0, one);
    next_list(f);
    push(f, T0 + 1500, two);
    round_of(f, T0 + 1600, none);
    g_assert_cmpuint(current_hosts(f), ==, 0);
}

/* Also those that change nothing; each with the time when it was asked for. */
static void test_accepted_answers_are_heard(struct fixture *f, gconstpointer udp_port)
{
    gint64 sent;

    subscribed(f, T0, one);
    g_assert_cmpuint(f->heard, ==, 1);
    sent = next_list(f)->at;
    timers_advance(f->timers, SEC);
    round_of(f, T0 + 1000, one);
    g_assert_cmpuint(f->heard, ==, 2);
    g_assert_cmpuint(f->changes, ==, 1);
    g_assert_cmpint(f->asked, ==, sent);
    push(f, T0 + 1500, two);
    g_assert_cmpuint(f->heard, ==, 3);
    g_assert_cmpint(f->asked, ==, timers_now(f->timers) - 5 * SEC); /* nobody knows */
}

static void test_dropped_answers_are_not_heard(struct fixture *f, gconstpointer udp_port)
{
    subscribed(f, T0, one);
    next_list(f);
    push(f, T0 + 1500, two);
    push(f, T0 + 1400, one);     /* older */
    round_of(f, T0 + 1000, one); /* overtaken */
    g_assert_cmpuint(f->heard, ==, 2);
}

static void test_old_push_is_refused(struct fixture *f, gconstpointer udp_port)
{
    subscribed(f, T0, one);
    g_assert_cmpint(push(f, T0 - 1, two), ==, PUSH_OLD);
    g_assert_cmpint(push(f, 0, two), ==, PUSH_OLD);
    g_assert_cmpuint(current_hosts(f), ==, 1);
    g_assert_cmpint(round_of(f, T0 + 100, one), <=, 200 * MS); /* but it is a hint */
}

static void test_future_push_is_refused(struct fixture *f, gconstpointer udp_port)
{
    subscribed(f, T0, one);
    g_assert_cmpint(push(f, T0 + 5 * 60 * 1000 + 1, two), ==, PUSH_FUTURE);
    g_assert_cmpint(push(f, G_MAXINT64, two), ==, PUSH_FUTURE);
    g_assert_cmpuint(current_hosts(f), ==, 1);
    f->proxy->script = script_down; /* time passes without an answer: the clock goes on */
    timers_advance(f->timers, 120 * SEC);
    g_assert_cmpint(push(f, T0 + 6 * 60 * 1000, two), ==, PUSH_ACCEPTED);
}

static void test_first_instance_of_an_unknown_service_comes_by_push(struct fixture *f,
                                                                    gconstpointer udp_port)
{
    subscribed(f, 0, none); /* 1.4 names no lastRefTime then */
    g_assert_cmpint(push(f, T0, one), ==, PUSH_ACCEPTED);
    g_assert_cmpuint(f->old_hosts, ==, 0);
    g_assert_cmpuint(f->new_hosts, ==, 1);
}

static void test_push_for_other_clusters_is_refused(struct fixture *f, gconstpointer udp_port)
{
    g_autoptr(service_info) info = fake_info(f->key, T0 + 1, two);

    g_free(info->clusters);
    info->clusters = g_strdup("C2");
    subscribed(f, T0, one);
    g_assert_cmpint(host_reactor_push(f->reactor, info), ==, PUSH_CLUSTERS);
    g_assert_cmpuint(current_hosts(f), ==, 1);
}

static void test_push_before_the_first_list(struct fixture *f, gconstpointer udp_port)
{
    struct waited waited = {0};

    host_reactor_subscribe(f->reactor, f->key);
    host_reactor_wait(f->reactor, f->key, on_list, &waited);
    g_assert_cmpint(push(f, T0, two), ==, PUSH_ACCEPTED);
    failed_round(f, NAMING_UNREACHABLE);
    timers_advance(f->timers, 1);
    g_assert_cmpint(waited.status, ==, NAMING_OK);
    g_assert_cmpuint(waited.hosts, ==, 2);
}

struct test {
    const char *name;
    void (*fn)(struct fixture *, gconstpointer);
};

static void add(const char *suite, guint udp_port, const struct test *tests, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        g_autofree char *path = g_strdup_printf("/%s/%s", suite, tests[i].name);

        g_test_add(path, struct fixture, GUINT_TO_POINTER(udp_port), set_up, tests[i].fn,
                   tear_down);
    }
}

int main(int argc, char **argv)
{
    static const struct test both[] = {
        {"first-list-is-a-change", test_first_list_is_a_change_even_if_empty},
        {"same-hosts-are-no-change", test_same_hosts_are_no_change},
        {"one-second-then-cache-millis", test_one_second_then_cache_millis},
        {"empty-list-keeps-polling", test_empty_list_keeps_polling},
        {"errors-keep-polling-and-the-list", test_errors_keep_polling_and_the_list},
    };
    static const struct test push_only[] = {
        {"pushes-do-not-postpone-the-renewal", test_pushes_do_not_postpone_the_renewal},
        {"slow-failures-do-not-postpone", test_slow_failures_do_not_postpone_the_renewal},
        {"waiters-share-one-request", test_waiters_share_one_request},
        {"waiters-get-the-error", test_waiters_get_the_error},
        {"wait-for-a-held-list", test_wait_for_a_held_list},
        {"wait-ends-in-time", test_wait_ends_in_time},
        {"cancelled-wait", test_cancelled_wait},
        {"wait-outlives-unsubscribe", test_wait_outlives_unsubscribe},
        {"last-wait-gone-ends-the-request", test_last_wait_gone_ends_the_request},
        {"subscribe-while-a-mere-wait-runs", test_subscribe_while_a_mere_wait_runs},
        {"unsubscribe-stops-and-forgets", test_unsubscribe_stops_and_forgets},
        {"unsubscribe-from-within-a-change", test_unsubscribe_from_within_a_change},
        {"refresh-is-coalesced", test_refresh_is_coalesced},
        {"refresh-of-one-service-is-limited", test_refresh_of_one_service_is_limited},
        {"refresh-during-a-request-asks-again", test_refresh_during_a_request_asks_again},
        {"refreshes-in-all-are-limited", test_refreshes_in_all_are_limited},
        {"polls-of-many-are-even", test_polls_of_many_are_even},
        {"heal-does-not-thunder", test_heal_does_not_thunder},
        {"wait-passes-the-polls-by", test_wait_passes_the_polls_by},
        {"push-is-applied-and-confirmed", test_push_is_applied_and_confirmed},
        {"tcp-wins-over-a-wrong-push", test_tcp_wins_over_a_wrong_push},
        {"overtaken-reply-is-dropped", test_reply_overtaken_by_a_push_is_dropped},
        {"later-reply-wins", test_later_reply_wins_though_asked_before_the_push},
        {"accepted-answers-are-heard", test_accepted_answers_are_heard},
        {"dropped-answers-are-not-heard", test_dropped_answers_are_not_heard},
        {"old-push-is-refused", test_old_push_is_refused},
        {"future-push-is-refused", test_future_push_is_refused},
        {"first-instance-by-push", test_first_instance_of_an_unknown_service_comes_by_push},
        {"push-for-other-clusters", test_push_for_other_clusters_is_refused},
        {"push-before-the-first-list", test_push_before_the_first_list},
    };

    g_test_init(&argc, &argv, NULL);
    add("host_reactor/push", 4711, both, G_N_ELEMENTS(both));
    add("host_reactor/no-push", 0, both, G_N_ELEMENTS(both));
    add("host_reactor", 4711, push_only, G_N_ELEMENTS(push_only));
    return g_test_run();
}
