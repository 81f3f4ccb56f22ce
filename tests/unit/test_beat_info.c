/* SPDX-License-Identifier: MIT
 *
 * What an operator changed on the server is taken over into our own record (updateBeatInfo).
 */
#include "fake_proxy.h"
#include "naming/beat_reactor.h"

#define MS 1000
#define SEC (1000 * MS)

struct fixture {
    struct timers *timers;
    struct naming_proxy *proxy;
    struct beat_reactor *reactor;
    struct service_key *key;
    struct instance one; /* what the test registers */
    guint adopted;
    double weight; /* of the last one adopted */
    char *owner;   /* its metadata "owner" */
};

static void on_adopted(const struct service_key *key, const struct instance *instance,
                       gpointer user_data)
{
    struct fixture *f = user_data;

    g_assert_true(service_key_equal(key, f->key));
    g_assert_true(instance_same(instance, &f->one));
    f->adopted++;
    f->weight = instance->weight;
    g_free(f->owner);
    f->owner = g_strdup(instance_get_metadata(instance, "owner"));
}

static void ignore(const struct naming_result *result, gpointer user_data)
{
}

static void set_up(struct fixture *f, gconstpointer unused)
{
    struct beat_reactor_config config = {.timeout_ms = 3000, .adopted = on_adopted, .user_data = f};

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
    g_free(f->owner);
}

static void send_register(struct fixture *f, double weight)
{
    f->one.weight = weight;
    beat_reactor_register(f->reactor, f->key, &f->one, ignore, NULL);
}

static void registered(struct fixture *f, double weight)
{
    send_register(f, weight);
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_OK);
}

/* A list of our instance and a neighbour's, asked for `ago` us ago, ours with that weight. */
static void listed(struct fixture *f, double weight, gint64 ago)
{
    struct instance hosts[2];
    g_autoptr(service_info) info = NULL;

    instance_copy(&hosts[0], &f->one);
    hosts[0].weight = weight;
    instance_copy(&hosts[1], &f->one);
    hosts[1].port++;
    hosts[1].weight = 77;
    info = service_info_new(f->key, "", hosts, 2);
    beat_reactor_listed(f->reactor, info, timers_now(f->timers) - ago);
}

/* What the next register on 20404 says. */
static double weight_registered_again(struct fixture *f)
{
    struct fake_call *call;
    double weight;

    for (guint i = 0; i < 6000 && fake_waiting(f->proxy, FAKE_BEAT) == NULL; i++)
        timers_advance(f->timers, MS);
    fake_answer_beat(fake_waiting(f->proxy, FAKE_BEAT), 20404, 0, FALSE);
    call = fake_waiting(f->proxy, FAKE_REGISTER);
    g_assert_nonnull(call);
    weight = call->instance.weight;
    fake_answer(call, NAMING_OK);
    return weight;
}

static void test_weight_is_adopted_and_registered_again(struct fixture *f, gconstpointer unused)
{
    registered(f, 1);
    timers_advance(f->timers, SEC);
    listed(f, 1, 0);
    g_assert_cmpuint(f->adopted, ==, 0);
    listed(f, 7, 0);
    g_assert_cmpuint(f->adopted, ==, 1);
    g_assert_cmpfloat(f->weight, ==, 7);
    listed(f, 7, 0);
    g_assert_cmpuint(f->adopted, ==, 1);
    g_assert_cmpfloat(weight_registered_again(f), ==, 7);
}

static void test_metadata_is_adopted(struct fixture *f, gconstpointer unused)
{
    instance_set_metadata(&f->one, "mine", "1");
    registered(f, 1);
    timers_advance(f->timers, SEC);
    listed(f, 1, 0);
    instance_set_metadata(&f->one, "owner", "ops");
    listed(f, 1, 0);
    g_assert_cmpuint(f->adopted, ==, 1);
    g_assert_cmpstr(f->owner, ==, "ops");
}

static void test_health_and_enabled_are_not_adopted(struct fixture *f, gconstpointer unused)
{
    registered(f, 1);
    timers_advance(f->timers, SEC);
    listed(f, 1, 0);
    f->one.healthy = FALSE;
    f->one.enabled = FALSE;
    listed(f, 1, 0);
    g_assert_cmpuint(f->adopted, ==, 0);
}

static void test_list_asked_before_the_register_says_nothing(struct fixture *f,
                                                             gconstpointer unused)
{
    registered(f, 1);
    timers_advance(f->timers, 20 * SEC);
    listed(f, 7, 20 * SEC);
    listed(f, 7, 21 * SEC);
    g_assert_cmpuint(f->adopted, ==, 0);
    listed(f, 7, 20 * SEC - 1);
    g_assert_cmpuint(f->adopted, ==, 1);
}

static void test_servers_get_time_to_list_a_register(struct fixture *f, gconstpointer unused)
{
    registered(f, 1);
    timers_advance(f->timers, 5 * SEC - 1);
    listed(f, 7, 0);
    g_assert_cmpuint(f->adopted, ==, 0);
    timers_advance(f->timers, 1);
    listed(f, 7, 0);
    g_assert_cmpuint(f->adopted, ==, 1);
}

static void test_each_register_gets_that_time_anew(struct fixture *f, gconstpointer unused)
{
    registered(f, 1);
    timers_advance(f->timers, SEC);
    listed(f, 1, 0);
    registered(f, 3);
    timers_advance(f->timers, SEC);
    listed(f, 7, 0);
    g_assert_cmpuint(f->adopted, ==, 0);
}

static void test_nothing_while_an_operation_is_under_way(struct fixture *f, gconstpointer unused)
{
    registered(f, 1);
    timers_advance(f->timers, 10 * SEC);
    send_register(f, 3);
    listed(f, 7, 0);
    g_assert_cmpuint(f->adopted, ==, 0);
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_INVALID);
    listed(f, 7, 0);
    g_assert_cmpuint(f->adopted, ==, 1);
}

/* The register that timed out may be what the list shows. */
static void test_nothing_until_an_unclear_register_is_undone(struct fixture *f,
                                                             gconstpointer unused)
{
    registered(f, 1);
    timers_advance(f->timers, 10 * SEC);
    send_register(f, 3);
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_TIMEOUT);
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_TIMEOUT); /* that restores */
    listed(f, 3, 0);
    g_assert_cmpuint(f->adopted, ==, 0);
}

/* 2.x: the operator's override is laid over whatever is registered. */
static void test_user_wins_over_an_override_that_stays(struct fixture *f, gconstpointer unused)
{
    registered(f, 1);
    timers_advance(f->timers, SEC);
    listed(f, 1, 0);
    listed(f, 7, 0);
    registered(f, 3);
    timers_advance(f->timers, 30 * SEC);
    listed(f, 7, 0);
    g_assert_cmpuint(f->adopted, ==, 1);
    g_assert_cmpfloat(weight_registered_again(f), ==, 3);
}

static void test_override_by_another_value_is_new(struct fixture *f, gconstpointer unused)
{
    registered(f, 1);
    timers_advance(f->timers, SEC);
    listed(f, 1, 0);
    registered(f, 3);
    timers_advance(f->timers, SEC);
    listed(f, 3, 0);
    listed(f, 1, 0); /* once 3 was listed, 1 is an operator's */
    g_assert_cmpuint(f->adopted, ==, 1);
    g_assert_cmpfloat(f->weight, ==, 1);
}

static void test_the_other_store_is_another_instance(struct fixture *f, gconstpointer unused)
{
    registered(f, 1);
    timers_advance(f->timers, 10 * SEC);
    f->one.ephemeral = FALSE;
    listed(f, 7, 0);
    g_assert_cmpuint(f->adopted, ==, 0);
}

static void test_persistent_one_is_adopted(struct fixture *f, gconstpointer unused)
{
    f->one.ephemeral = FALSE;
    registered(f, 1);
    timers_advance(f->timers, 10 * SEC);
    listed(f, 7, 0);
    g_assert_cmpuint(f->adopted, ==, 1);
    timers_advance(f->timers, 10 * SEC);
    g_assert_cmpuint(fake_count(f->proxy, FAKE_BEAT), ==, 0);
}

static void test_what_is_not_kept_is_let_alone(struct fixture *f, gconstpointer unused)
{
    g_autoptr(service_key) other = service_key_new("G", "other");

    registered(f, 1);
    beat_reactor_register(f->reactor, other, &f->one, ignore,
                          NULL); /* same address, other service */
    fake_answer(fake_waiting(f->proxy, FAKE_REGISTER), NAMING_OK);
    beat_reactor_deregister(f->reactor, f->key, &f->one, ignore, NULL);
    fake_answer(fake_waiting(f->proxy, FAKE_DEREGISTER), NAMING_OK);
    timers_advance(f->timers, 10 * SEC);
    listed(f, 7, 0);
    g_assert_cmpuint(f->adopted, ==, 0);
}

/* More kept than listed: the list's hosts are looked up, not the other way round. */
static void test_many_kept(struct fixture *f, gconstpointer unused)
{
    for (guint16 port = 1000; port < 1100; port++) {
        f->one.port = port;
        registered(f, 1);
    }
    timers_advance(f->timers, 4 * SEC);
    while (fake_waiting(f->proxy, FAKE_BEAT) != NULL)
        fake_answer_beat(fake_waiting(f->proxy, FAKE_BEAT), 10200, 0, TRUE);
    f->one.port = 1099; /* the neighbour, 1100, is not ours */
    listed(f, 1, 0);
    listed(f, 7, 0);
    g_assert_cmpuint(f->adopted, ==, 1);
}

/* The schedule goes on as it was: adopting is no reason for a beat. */
static void test_beats_keep_their_time(struct fixture *f, gconstpointer unused)
{
    gint64 first;

    registered(f, 1);
    for (guint i = 0; i < 6000 && fake_waiting(f->proxy, FAKE_BEAT) == NULL; i++)
        timers_advance(f->timers, MS);
    first = fake_last(f->proxy, FAKE_BEAT);
    fake_answer_beat(fake_waiting(f->proxy, FAKE_BEAT), 10200, 0, TRUE);
    timers_advance(f->timers, 2 * SEC);
    listed(f, 1, 0);
    listed(f, 7, 0);
    g_assert_cmpuint(f->adopted, ==, 1);
    timers_advance(f->timers, 3 * SEC - MS);
    g_assert_null(fake_waiting(f->proxy, FAKE_BEAT));
    timers_advance(f->timers, 2 * MS);
    g_assert_cmpint(fake_last(f->proxy, FAKE_BEAT), ==, first + 5 * SEC);
    g_assert_true(fake_waiting(f->proxy, FAKE_BEAT)->light);
}

int main(int argc, char **argv)
{
    const struct {
        const char *name;
        void (*fn)(struct fixture *, gconstpointer);
    } tests[] = {
        {"weight", test_weight_is_adopted_and_registered_again},
        {"metadata", test_metadata_is_adopted},
        {"not-health-nor-enabled", test_health_and_enabled_are_not_adopted},
        {"not-asked-before", test_list_asked_before_the_register_says_nothing},
        {"time-to-settle", test_servers_get_time_to_list_a_register},
        {"time-to-settle-anew", test_each_register_gets_that_time_anew},
        {"not-during-an-operation", test_nothing_while_an_operation_is_under_way},
        {"not-while-unclear", test_nothing_until_an_unclear_register_is_undone},
        {"user-wins", test_user_wins_over_an_override_that_stays},
        {"back-to-the-old-value", test_override_by_another_value_is_new},
        {"other-store", test_the_other_store_is_another_instance},
        {"persistent", test_persistent_one_is_adopted},
        {"not-kept", test_what_is_not_kept_is_let_alone},
        {"many-kept", test_many_kept},
        {"beats-keep-their-time", test_beats_keep_their_time},
    };

    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/beat_info/", tests[i].name, NULL);

        g_test_add_vtable(path, sizeof(struct fixture), NULL, (GTestFixtureFunc)set_up,
                          (GTestFixtureFunc)tests[i].fn, (GTestFixtureFunc)tear_down);
    }
    return g_test_run();
}
