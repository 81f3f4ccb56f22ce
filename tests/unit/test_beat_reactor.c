/* SPDX-License-Identifier: MIT */
#include "fake_proxy.h"
#include "naming/beat_reactor.h"
#include "naming/beat_schedule.h"

#define MS 1000
#define SEC (1000 * MS)

struct ended {
    guint calls;
    enum naming_status status;
};

struct fixture {
    struct timers *timers;
    struct naming_proxy *proxy;
    struct beat_reactor *reactor;
    struct service_key *key;
    struct instance one;
    guint troubles;
};

static void on_trouble(const char *path, const struct naming_result *result, gpointer user_data)
{
    struct fixture *f = user_data;

    g_assert_cmpstr(path, ==, "G/svc");
    g_assert_cmpint(result->status, !=, NAMING_OK);
    f->troubles++;
}

static void on_done(const struct naming_result *result, gpointer user_data)
{
    struct ended *ended = user_data;

    ended->calls++;
    ended->status = result->status;
}

static void set_up(struct fixture *f, gconstpointer unused)
{
    struct beat_reactor_config config = {.timeout_ms = 3000, .trouble = {on_trouble, f}};

    config.timers = f->timers = timers_new_manual();
    config.proxy = f->proxy = fake_proxy_new(f->timers);
    f->reactor = beat_reactor_new(&config);
    f->key = service_key_new("G", "svc");
    instance_init(&f->one);
    f->one.ip = g_strdup("10.0.0.1");
    f->one.port = 80;
}

static void tear_down(struct fixture *f, gconstpointer unused)
{
    beat_reactor_free(f->reactor);
    fake_proxy_free(f->proxy);
    timers_free(f->timers);
    service_key_free(f->key);
    instance_clear(&f->one);
}

static void registered(struct fixture *f)
{
    struct ended ended = {0};

    beat_reactor_register(f->reactor, f->key, &f->one, on_done, &ended);
    g_assert_cmpuint(ended.calls, ==, 0);
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_OK);
    g_assert_cmpuint(ended.calls, ==, 1);
    g_assert_cmpint(ended.status, ==, NAMING_OK);
}

static struct fake_call *next_beat(struct fixture *f)
{
    for (guint i = 0; i < 6000 && fake_waiting(f->proxy, FAKE_BEAT) == NULL; i++)
        timers_advance(f->timers, MS);
    g_assert_nonnull(fake_waiting(f->proxy, FAKE_BEAT));
    return fake_waiting(f->proxy, FAKE_BEAT);
}

static void script_ok(struct fake_call *call, gpointer light)
{
    if (call->kind == FAKE_BEAT)
        fake_answer_beat(call, 10200, 5000, GPOINTER_TO_INT(light));
    else
        fake_answer(call, NAMING_OK);
}

static void test_first_beat_is_full_within_a_period(struct fixture *f, gconstpointer unused)
{
    gint64 start = timers_now(f->timers);
    struct fake_call *beat;

    registered(f);
    beat = next_beat(f);
    g_assert_false(beat->light);
    g_assert_cmpint(beat->at - start, <=, 5 * SEC);
    g_assert_cmpint(beat->period_ms, ==, 5000);
    g_assert_cmpuint(beat->timeout_ms, ==, 3000);
}

static void test_light_once_the_server_says_so(struct fixture *f, gconstpointer unused)
{
    registered(f);
    fake_answer_beat(next_beat(f), 10200, 5000, TRUE);
    g_assert_true(next_beat(f)->light);
    fake_answer_beat(next_beat(f), 10200, 5000, FALSE);
    g_assert_false(next_beat(f)->light);
}

static void test_cadence_counts_from_the_send(struct fixture *f, gconstpointer unused)
{
    gint64 first;

    registered(f);
    first = next_beat(f)->at;
    timers_advance(f->timers, 700 * MS);
    fake_answer_beat(next_beat(f), 10200, 0, FALSE);
    g_assert_cmpint(next_beat(f)->at, ==, first + 5 * SEC);
}

static void test_interval_of_the_server_wins(struct fixture *f, gconstpointer unused)
{
    struct naming_beat_state state;
    gint64 first;

    registered(f);
    first = next_beat(f)->at;
    fake_answer_beat(next_beat(f), 10200, 1500, FALSE);
    g_assert_cmpint(next_beat(f)->at, ==, first + 1500 * MS);
    g_assert_cmpuint(next_beat(f)->timeout_ms, ==, 1500);
    g_assert_true(beat_reactor_state(f->reactor, f->key, &f->one, &state));
    g_assert_cmpint(state.period_ms, ==, 1500);
    g_assert_cmpint(state.last_beat, >=, first);
    g_assert_cmpint(state.last_beat, <=, first + 1 * MS);
    g_assert_cmpuint(state.beats, ==, 1);
}

static void test_period_from_metadata(void)
{
    const struct {
        const char *text;
        gint64 period_ms;
    } rows[] = {{NULL, 5000}, {"3000", 3000}, {"5s", 5000}, {"", 5000},
                {"0", 5000},  {"-1", 5000},   {"1", 100},   {"99999999999999999999", 5000}};

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(instance) instance;

        instance_init(&instance);
        instance_set_metadata(&instance, "preserved.heart.beat.interval", rows[i].text);
        g_assert_cmpint(beat_period_ms(&instance), ==, rows[i].period_ms);
    }
}

enum { MANY = 10000, PERIOD_US = 5 * SEC, SLOT_US = 100 * MS, SLOTS = PERIOD_US / SLOT_US };

static void register_many(struct fixture *f)
{
    f->proxy->script = script_ok;
    for (guint i = 0; i < MANY; i++) {
        f->one.port = (guint16)(i + 1);
        beat_reactor_register(f->reactor, f->key, &f->one, NULL, NULL);
    }
    timers_advance(f->timers, 20 * SEC);
}

/* One beat of each in a period, and no tenth of a second with much more than its share. */
static void assert_even(struct fixture *f, const char *after)
{
    guint slots[SLOTS] = {0};
    gint64 start = timers_now(f->timers);
    guint busiest = 0;

    g_array_set_size(f->proxy->log, 0);
    timers_advance(f->timers, PERIOD_US);
    g_assert_cmpuint(f->proxy->log->len, >=, MANY - 1);
    g_assert_cmpuint(f->proxy->log->len, <=, MANY + 1);
    for (guint i = 0; i < f->proxy->log->len; i++) {
        const struct fake_entry *entry = &g_array_index(f->proxy->log, struct fake_entry, i);
        guint *slot = &slots[MIN((entry->at - start) / SLOT_US, SLOTS - 1)];

        ++*slot;
        busiest = MAX(busiest, *slot);
    }
    g_test_message("%s: busiest 100 ms %.2f times the mean", after, (double)busiest * SLOTS / MANY);
    g_assert_cmpuint(busiest, <, MANY / SLOTS * 135 / 100);
}

static void test_beats_of_many_are_even(struct fixture *f, gconstpointer unused)
{
    register_many(f);
    assert_even(f, "registered in one go");
    g_assert_cmpuint(beat_reactor_count(f->reactor), ==, MANY);
}

static void script_down(struct fake_call *call, gpointer unused)
{
    fake_answer(call, NAMING_UNREACHABLE);
}

static void test_beats_are_even_after_an_outage(struct fixture *f, gconstpointer unused)
{
    register_many(f);
    f->proxy->script = script_down;
    timers_advance(f->timers, 60 * SEC);
    f->proxy->script = script_ok;
    timers_advance(f->timers, 20 * SEC);
    assert_even(f, "no server for a minute");
}

static void script_lost(struct fake_call *call, gpointer unused)
{
    if (call->kind == FAKE_BEAT)
        fake_answer_beat(call, 20404, 5000, FALSE);
    else
        fake_answer(call, NAMING_OK);
}

static void test_beats_are_even_after_all_were_lost(struct fixture *f, gconstpointer unused)
{
    register_many(f);
    f->proxy->script = script_down;
    timers_advance(f->timers, 10 * SEC);
    f->proxy->script = script_lost;
    timers_advance(f->timers, 3 * SEC);
    f->proxy->script = script_ok;
    timers_advance(f->timers, 20 * SEC);
    assert_even(f, "restarted empty");
}

static void test_failed_beat_is_tried_soon(struct fixture *f, gconstpointer unused)
{
    struct naming_beat_state state;
    gint64 first;

    registered(f);
    first = next_beat(f)->at;
    fake_answer(next_beat(f), NAMING_UNREACHABLE);
    g_assert_cmpuint(f->troubles, ==, 1);
    g_assert_cmpint(next_beat(f)->at - first, <=, 1 * SEC);
    first = next_beat(f)->at;
    fake_answer_beat(next_beat(f), 10200, 5000, FALSE);
    g_assert_cmpint(next_beat(f)->at, <=, first + 5 * SEC); /* anywhere in the period */
    first = next_beat(f)->at;
    fake_answer_beat(next_beat(f), 10200, 5000, FALSE);
    g_assert_cmpint(next_beat(f)->at, ==, first + 5 * SEC);
    g_assert_true(beat_reactor_state(f->reactor, f->key, &f->one, &state));
    g_assert_cmpuint(state.failures, ==, 1);
}

static void test_dead_servers_are_not_hammered(struct fixture *f, gconstpointer unused)
{
    registered(f);
    for (guint i = 0; i < 10; i++)
        fake_answer(next_beat(f), NAMING_UNREACHABLE);
    g_array_set_size(f->proxy->log, 0);
    for (guint i = 0; i < 10; i++) {
        gint64 failed = timers_now(f->timers);

        g_assert_cmpint(next_beat(f)->at - failed, <=, 2500 * MS);
        g_assert_cmpint(next_beat(f)->at - failed, >=, 1250 * MS);
        fake_answer(next_beat(f), NAMING_UNREACHABLE);
    }
}

static void test_refused_light_beat_is_followed_by_a_full_one(struct fixture *f,
                                                              gconstpointer unused)
{
    registered(f);
    fake_answer_beat(next_beat(f), 10200, 5000, TRUE);
    fake_answer(next_beat(f), NAMING_INVALID);
    g_assert_false(next_beat(f)->light);
}

static void test_unknown_code_is_a_failure(struct fixture *f, gconstpointer unused)
{
    registered(f);
    fake_answer_beat(next_beat(f), 500, 5000, TRUE);
    g_assert_cmpuint(f->troubles, ==, 1);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_REGISTER), ==, 1);
}

static void test_lost_instance_is_registered_as_it_was(struct fixture *f, gconstpointer unused)
{
    struct naming_beat_state state;
    struct fake_call *post;
    gint64 renewed;

    f->one.enabled = FALSE;
    f->one.weight = 7;
    instance_set_metadata(&f->one, "zone", "cn-1");
    registered(f);
    fake_answer_beat(next_beat(f), 20404, 5000, FALSE);
    post = fake_waiting(f->proxy, FAKE_REGISTER); /* at once */
    g_assert_nonnull(post);
    g_assert_true(instance_equal(&post->instance, &f->one));
    fake_answer(post, NAMING_OK);
    renewed = timers_now(f->timers);
    g_assert_true(beat_reactor_state(f->reactor, f->key, &f->one, &state));
    g_assert_cmpuint(state.reregistered, ==, 1);
    g_assert_cmpint(next_beat(f)->at, ==, renewed + 5 * SEC);
}

static void test_failed_renewal_comes_again_with_the_next_beat(struct fixture *f,
                                                               gconstpointer unused)
{
    gint64 failed;

    registered(f);
    fake_answer_beat(next_beat(f), 20404, 5000, FALSE);
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_REMOTE);
    failed = timers_now(f->timers);
    g_assert_cmpuint(f->troubles, ==, 1);
    g_assert_cmpint(next_beat(f)->at - failed, <=, 1 * SEC);
    fake_answer_beat(next_beat(f), 20404, 5000, FALSE);
    g_assert_nonnull(fake_waiting(f->proxy, FAKE_REGISTER));
}

static void test_failed_register_keeps_nothing(struct fixture *f, gconstpointer unused)
{
    struct naming_beat_state state;
    struct ended ended = {0};

    beat_reactor_register(f->reactor, f->key, &f->one, on_done, &ended);
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_DENIED);
    g_assert_cmpint(ended.status, ==, NAMING_DENIED);
    g_assert_false(beat_reactor_state(f->reactor, f->key, &f->one, &state));
    timers_advance(f->timers, 60 * SEC);
    g_assert_cmpuint(f->proxy->log->len, ==, 1);
    g_assert_cmpuint(f->troubles, ==, 0);
}

static void test_persistent_is_kept_without_a_beat(struct fixture *f, gconstpointer unused)
{
    struct naming_beat_state state;

    f->one.ephemeral = FALSE;
    registered(f);
    timers_advance(f->timers, 60 * SEC);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_BEAT), ==, 0);
    g_assert_true(beat_reactor_state(f->reactor, f->key, &f->one, &state));
    g_assert_cmpint(state.period_ms, ==, 0);
    g_assert_cmpuint(beat_reactor_count(f->reactor), ==, 0);
}

static void test_deregister_waits_for_the_beat_in_flight(struct fixture *f, gconstpointer unused)
{
    struct ended ended = {0};

    registered(f);
    next_beat(f);
    beat_reactor_deregister(f->reactor, f->key, &f->one, on_done, &ended);
    timers_advance(f->timers, 2 * SEC);
    g_assert_null(fake_waiting(f->proxy, FAKE_DEREGISTER));
    fake_answer_beat(fake_waiting(f->proxy, FAKE_BEAT), 10200, 5000, FALSE);
    fake_answer(fake_waiting(f->proxy, FAKE_DEREGISTER), NAMING_OK);
    g_assert_cmpint(ended.status, ==, NAMING_OK);
    timers_advance(f->timers, 60 * SEC);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_BEAT), ==, 1);
}

static void test_lost_while_deregistering_is_not_renewed(struct fixture *f, gconstpointer unused)
{
    registered(f);
    next_beat(f);
    beat_reactor_deregister(f->reactor, f->key, &f->one, NULL, NULL);
    fake_answer_beat(fake_waiting(f->proxy, FAKE_BEAT), 20404, 5000, FALSE);
    fake_answer(fake_waiting(f->proxy, FAKE_DEREGISTER), NAMING_OK);
    timers_advance(f->timers, 60 * SEC);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_REGISTER), ==, 1);
}

static void test_failed_deregister_stays_stopped(struct fixture *f, gconstpointer unused)
{
    struct naming_beat_state state;
    struct ended ended = {0};

    registered(f);
    beat_reactor_deregister(f->reactor, f->key, &f->one, on_done, &ended);
    fake_answer(fake_waiting(f->proxy, FAKE_DEREGISTER), NAMING_UNREACHABLE);
    g_assert_cmpint(ended.status, ==, NAMING_UNREACHABLE);
    timers_advance(f->timers, 60 * SEC);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_BEAT), ==, 0);
    g_assert_false(beat_reactor_state(f->reactor, f->key, &f->one, &state));
}

static void test_operations_on_one_key_are_in_order(struct fixture *f, gconstpointer unused)
{
    struct ended first = {0}, second = {0}, third = {0};

    beat_reactor_register(f->reactor, f->key, &f->one, on_done, &first);
    beat_reactor_deregister(f->reactor, f->key, &f->one, on_done, &second);
    f->one.weight = 3;
    beat_reactor_register(f->reactor, f->key, &f->one, on_done, &third);
    g_assert_cmpuint(f->proxy->log->len, ==, 1);
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_OK);
    g_assert_null(fake_waiting(f->proxy, FAKE_REGISTER));
    fake_answer(fake_waiting(f->proxy, FAKE_DEREGISTER), NAMING_OK);
    g_assert_cmpfloat(fake_waiting(f->proxy, FAKE_REGISTER)->instance.weight, ==, 3);
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_OK);
    g_assert_cmpuint(first.calls + second.calls + third.calls, ==, 3);
    g_assert_cmpfloat(next_beat(f)->instance.weight, ==, 3);
}

static void test_other_clusters_are_other_keys(struct fixture *f, gconstpointer unused)
{
    registered(f);
    g_free(f->one.cluster_name);
    f->one.cluster_name = g_strdup("C2");
    registered(f);
    g_assert_cmpuint(beat_reactor_count(f->reactor), ==, 2);
}

static void test_old_beat_goes_on_while_replacing(struct fixture *f, gconstpointer unused)
{
    struct ended ended = {0};

    registered(f);
    f->one.weight = 9;
    beat_reactor_register(f->reactor, f->key, &f->one, on_done, &ended);
    g_assert_cmpfloat(next_beat(f)->instance.weight, ==, 1);
    fake_answer_beat(next_beat(f), 10200, 5000, FALSE);
    /* the POST's time is up long before the next beat: the old record stays */
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_INVALID);
    g_assert_cmpfloat(next_beat(f)->instance.weight, ==, 1);
    fake_answer_beat(next_beat(f), 10200, 5000, FALSE);
    registered(f);
    g_assert_cmpfloat(next_beat(f)->instance.weight, ==, 9);
    g_assert_cmpuint(beat_reactor_count(f->reactor), ==, 1);
}

static void test_unclear_replacement_restores_the_old_record(struct fixture *f,
                                                             gconstpointer unused)
{
    struct ended ended = {0};

    registered(f);
    f->one.weight = 9;
    beat_reactor_register(f->reactor, f->key, &f->one, on_done, &ended);
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_TIMEOUT);
    g_assert_cmpint(ended.status, ==, NAMING_TIMEOUT);
    g_assert_cmpfloat(fake_waiting(f->proxy, FAKE_REGISTER)->instance.weight, ==, 1);
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_TIMEOUT);
    fake_answer_beat(next_beat(f), 10200, 5000, FALSE); /* it answers again: once more */
    g_assert_cmpfloat(fake_waiting(f->proxy, FAKE_REGISTER)->instance.weight, ==, 1);
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_OK);
    fake_answer_beat(next_beat(f), 10200, 5000, FALSE);
    g_assert_null(fake_waiting(f->proxy, FAKE_REGISTER));
}

static void test_cancelled_register_is_undone(struct fixture *f, gconstpointer unused)
{
    struct ended ended = {0};

    naming_call_cancel(beat_reactor_register(f->reactor, f->key, &f->one, on_done, &ended));
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_OK);
    fake_answer(fake_waiting(f->proxy, FAKE_DEREGISTER), NAMING_OK);
    timers_advance(f->timers, 60 * SEC);
    g_assert_cmpuint(f->proxy->log->len, ==, 2);
    g_assert_cmpuint(ended.calls, ==, 0);
}

static void test_undo_and_deregister_are_one_delete(struct fixture *f, gconstpointer unused)
{
    struct ended ended = {0};

    naming_call_cancel(beat_reactor_register(f->reactor, f->key, &f->one, NULL, NULL));
    beat_reactor_deregister(f->reactor, f->key, &f->one, on_done, &ended);
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_OK);
    fake_answer(fake_waiting(f->proxy, FAKE_DEREGISTER), NAMING_OK);
    g_assert_cmpuint(ended.calls, ==, 1);
    g_assert_cmpuint(f->proxy->log->len, ==, 2);
}

static void test_one_beat_at_a_time(struct fixture *f, gconstpointer unused)
{
    registered(f);
    next_beat(f); /* hangs */
    f->one.ephemeral = FALSE;
    registered(f);
    f->one.ephemeral = TRUE;
    registered(f);
    timers_advance(f->timers, 60 * SEC);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_BEAT), ==, 1);
    fake_answer_beat(next_beat(f), 10200, 5000, FALSE);
    next_beat(f);
}

static void test_cancelled_replacement_restores_the_old_record(struct fixture *f,
                                                               gconstpointer unused)
{
    struct ended ended = {0};

    registered(f);
    f->one.weight = 9;
    naming_call_cancel(beat_reactor_register(f->reactor, f->key, &f->one, on_done, &ended));
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_OK);
    g_assert_cmpfloat(fake_waiting(f->proxy, FAKE_REGISTER)->instance.weight, ==, 1);
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_OK);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_DEREGISTER), ==, 0);
    g_assert_cmpfloat(next_beat(f)->instance.weight, ==, 1);
    g_assert_cmpuint(ended.calls, ==, 0);
}

static void test_cancelled_before_it_was_sent_is_not_sent(struct fixture *f, gconstpointer unused)
{
    registered(f);
    beat_reactor_deregister(f->reactor, f->key, &f->one, NULL, NULL);
    naming_call_cancel(beat_reactor_register(f->reactor, f->key, &f->one, on_done, NULL));
    fake_answer(fake_waiting(f->proxy, FAKE_DEREGISTER), NAMING_OK);
    g_assert_null(fake_waiting(f->proxy, FAKE_REGISTER));
}

static void test_cancelled_deregister_is_carried_out(struct fixture *f, gconstpointer unused)
{
    struct ended ended = {0};

    registered(f);
    next_beat(f);
    naming_call_cancel(beat_reactor_deregister(f->reactor, f->key, &f->one, on_done, &ended));
    fake_answer_beat(fake_waiting(f->proxy, FAKE_BEAT), 10200, 5000, FALSE);
    fake_answer(fake_waiting(f->proxy, FAKE_DEREGISTER), NAMING_OK);
    g_assert_cmpuint(ended.calls, ==, 0);
}

static void test_done_comes_in_time_and_the_late_register_is_undone(struct fixture *f,
                                                                    gconstpointer unused)
{
    struct ended ended = {0};

    beat_reactor_register(f->reactor, f->key, &f->one, on_done, &ended);
    timers_advance(f->timers, 3100 * MS);
    g_assert_cmpuint(ended.calls, ==, 1);
    g_assert_cmpint(ended.status, ==, NAMING_TIMEOUT);
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_OK);
    fake_answer(fake_waiting(f->proxy, FAKE_DEREGISTER), NAMING_OK);
    g_assert_cmpuint(ended.calls, ==, 1);
}

static void test_adopted_beats_at_once_and_light(struct fixture *f, gconstpointer unused)
{
    gint64 first = timers_now(f->timers);

    beat_reactor_adopt(f->reactor, f->key, &f->one, 0);
    g_assert_cmpint(next_beat(f)->at - first, <=, 1 * MS);
    g_assert_true(next_beat(f)->light);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_REGISTER), ==, 0);
    fake_answer_beat(next_beat(f), 20404, 5000, FALSE);
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_OK);
}

static void test_adopted_in_one_go_do_not_beat_in_one_go(struct fixture *f, gconstpointer unused)
{
    f->proxy->script = script_ok;
    for (guint16 i = 1; i <= 1000; i++) {
        f->one.port = i;
        beat_reactor_adopt(f->reactor, f->key, &f->one, 0);
    }
    timers_advance(f->timers, 10 * MS);
    g_assert_cmpuint(f->proxy->log->len, <=, 20);
    timers_advance(f->timers, 20 * SEC);
    g_array_set_size(f->proxy->log, 0);
    timers_advance(f->timers, 1 * SEC);
    g_assert_cmpuint(f->proxy->log->len, >, 130);
    g_assert_cmpuint(f->proxy->log->len, <, 270);
}

struct again {
    struct fixture *f;
    guint calls;
};

static void on_done_again(const struct naming_result *result, gpointer user_data)
{
    struct again *again = user_data;

    if (++again->calls == 1)
        beat_reactor_deregister(again->f->reactor, again->f->key, &again->f->one, on_done_again,
                                again);
}

static void test_done_may_call_back(struct fixture *f, gconstpointer unused)
{
    struct again again = {.f = f};

    beat_reactor_register(f->reactor, f->key, &f->one, on_done_again, &again);
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_OK);
    fake_answer(fake_waiting(f->proxy, FAKE_DEREGISTER), NAMING_OK);
    g_assert_cmpuint(again.calls, ==, 2);
}

static void test_free_drops_what_is_under_way(struct fixture *f, gconstpointer unused)
{
    struct ended ended = {0};

    registered(f);
    next_beat(f);
    beat_reactor_deregister(f->reactor, f->key, &f->one, on_done, &ended);
    f->one.port = 81;
    beat_reactor_register(f->reactor, f->key, &f->one, on_done, &ended);
    beat_reactor_register(f->reactor, f->key, &f->one, on_done, &ended);
    /* tear_down frees it; the fake insists that all calls were cancelled */
    g_assert_cmpuint(ended.calls, ==, 0);
}

int main(int argc, char **argv)
{
    const struct {
        const char *name;
        void (*fn)(struct fixture *, gconstpointer);
    } tests[] = {
        {"first-beat-is-full-within-a-period", test_first_beat_is_full_within_a_period},
        {"light-once-the-server-says-so", test_light_once_the_server_says_so},
        {"cadence-counts-from-the-send", test_cadence_counts_from_the_send},
        {"interval-of-the-server-wins", test_interval_of_the_server_wins},
        {"beats-of-many-are-even", test_beats_of_many_are_even},
        {"even-after-an-outage", test_beats_are_even_after_an_outage},
        {"even-after-all-were-lost", test_beats_are_even_after_all_were_lost},
        {"failed-beat-is-tried-soon", test_failed_beat_is_tried_soon},
        {"dead-servers-are-not-hammered", test_dead_servers_are_not_hammered},
        {"refused-light-then-full", test_refused_light_beat_is_followed_by_a_full_one},
        {"unknown-code-is-a-failure", test_unknown_code_is_a_failure},
        {"lost-is-registered-as-it-was", test_lost_instance_is_registered_as_it_was},
        {"failed-renewal-comes-again", test_failed_renewal_comes_again_with_the_next_beat},
        {"failed-register-keeps-nothing", test_failed_register_keeps_nothing},
        {"persistent-without-a-beat", test_persistent_is_kept_without_a_beat},
        {"deregister-waits-for-the-beat", test_deregister_waits_for_the_beat_in_flight},
        {"lost-while-deregistering", test_lost_while_deregistering_is_not_renewed},
        {"failed-deregister-stays-stopped", test_failed_deregister_stays_stopped},
        {"operations-are-in-order", test_operations_on_one_key_are_in_order},
        {"other-clusters-are-other-keys", test_other_clusters_are_other_keys},
        {"old-beat-goes-on-while-replacing", test_old_beat_goes_on_while_replacing},
        {"unclear-replacement-restores", test_unclear_replacement_restores_the_old_record},
        {"cancelled-register-is-undone", test_cancelled_register_is_undone},
        {"undo-and-deregister-are-one", test_undo_and_deregister_are_one_delete},
        {"one-beat-at-a-time", test_one_beat_at_a_time},
        {"cancelled-replacement-restores", test_cancelled_replacement_restores_the_old_record},
        {"cancelled-before-sent-is-not-sent", test_cancelled_before_it_was_sent_is_not_sent},
        {"cancelled-deregister-is-carried-out", test_cancelled_deregister_is_carried_out},
        {"done-in-time-late-undone", test_done_comes_in_time_and_the_late_register_is_undone},
        {"adopted-beats-at-once-and-light", test_adopted_beats_at_once_and_light},
        {"adopted-in-one-go", test_adopted_in_one_go_do_not_beat_in_one_go},
        {"done-may-call-back", test_done_may_call_back},
        {"free-drops-what-is-under-way", test_free_drops_what_is_under_way},
    };

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/beat_reactor/period-from-metadata", test_period_from_metadata);
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/beat_reactor/", tests[i].name, NULL);

        g_test_add(path, struct fixture, NULL, set_up, tests[i].fn, tear_down);
    }
    return g_test_run();
}
