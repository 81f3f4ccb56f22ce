/* SPDX-License-Identifier: MIT */
#include "fake_proxy.h"
#include "naming/naming.h"

#include <string.h>

static const char *const servers[] = {"http://127.0.0.1:8848/nacos", NULL};

static struct naming_config defaults(void)
{
    return (struct naming_config){
        .servers = servers,
        .namespace_id = "public",
        .clusters = "",
        .timeout_ms = 3000,
        .connect_timeout_ms = 1000,
        .retries = 2,
        .push_udp = TRUE,
        .max_response = 64 << 20,
    };
}

static void refuses(const struct naming_config *config, const char *word)
{
    const struct naming_listener listener = {0};
    g_autofree char *why = NULL;

    g_assert_null(naming_new(config, &listener, NULL, &why));
    g_assert_nonnull(why);
    g_assert_nonnull(strstr(why, word));
}

static struct naming *make(const struct naming_config *config)
{
    const struct naming_listener listener = {0};
    char *why = NULL;
    struct naming *naming = naming_new(config, &listener, NULL, &why);

    g_assert_cmpstr(why, ==, NULL);
    return naming;
}

static void test_senseless_configurations(void)
{
    const char *const nobody[] = {NULL};
    const char *const ftp[] = {"ftp://127.0.0.1/", NULL};
    struct naming_config config = defaults();

    config.servers = nobody;
    refuses(&config, "no server");
    config.servers = ftp;
    refuses(&config, "neither http nor https");
    config = defaults();
    config.namespace_id = "";
    refuses(&config, "namespace");
    config = defaults();
    config.clusters = NULL;
    refuses(&config, "clusters");
    config = defaults();
    config.timeout_ms = 0;
    refuses(&config, "time-out");
    config = defaults();
    config.max_response = 0;
    refuses(&config, "room");
}

static void note_trouble(const char *path, const struct naming_result *result, gpointer user_data)
{
    GPtrArray *troubles = user_data;

    g_ptr_array_add(troubles, g_strdup(result->text));
}

/* The port of a client that cannot have the one it is to have, which it says once. */
static guint port_without_push(const struct naming_config *config)
{
    const struct naming_listener listener = {.trouble = note_trouble};
    g_autoptr(GPtrArray) troubles = g_ptr_array_new_with_free_func(g_free);
    struct naming *naming = naming_new(config, &listener, troubles, NULL);
    gint64 end = g_get_monotonic_time() + 200 * 1000;
    struct naming_stats stats;

    g_assert_nonnull(naming);
    while (troubles->len == 0)
        g_main_context_iteration(NULL, TRUE);
    while (g_get_monotonic_time() < end)
        g_main_context_iteration(NULL, FALSE);
    g_assert_cmpuint(troubles->len, ==, 1);
    g_assert_nonnull(strstr(troubles->pdata[0], "polled only: UDP port"));
    naming_stats(naming, &stats);
    naming_free(naming);
    return stats.udp_port;
}

static void test_push_port(void)
{
    struct naming_config config = defaults();
    struct naming *naming = make(&config);
    struct naming_stats stats;

    naming_stats(naming, &stats);
    g_assert_cmpuint(stats.udp_port, !=, 0);
    config.udp_port = stats.udp_port;
    g_assert_cmpuint(port_without_push(&config), ==, 0);
    naming_free(naming);
    naming = make(&config);
    naming_stats(naming, &stats);
    g_assert_cmpuint(stats.udp_port, ==, config.udp_port);
    naming_free(naming);
    config.push_udp = FALSE;
    naming = make(&config);
    naming_stats(naming, &stats);
    g_assert_cmpuint(stats.udp_port, ==, 0);
    naming_free(naming);
}

static void never(const struct naming_result *result, gpointer user_data)
{
    g_assert_not_reached();
}

static void never_list(const struct naming_result *result, struct service_info *info,
                       gpointer user_data)
{
    g_assert_not_reached();
}

static void never_names(const struct naming_result *result, const char *const *names,
                        gpointer user_data)
{
    g_assert_not_reached();
}

static void never_count(const struct naming_result *result, guint count, gpointer user_data)
{
    g_assert_not_reached();
}

/* The real proxy cancels the plain calls in its own free; the fake insists on it, too. */
static void test_calls_are_forwarded_and_cancelled(void)
{
    const struct naming_config config = defaults();
    struct naming *naming = make(&config);
    g_autoptr(service_key) key = service_key_new("G", "svc");
    struct naming_call *calls[4];
    struct naming_stats stats;

    calls[0] = naming_list(naming, key, never_list, NULL);
    calls[1] = naming_services(naming, "G", never_names, NULL);
    calls[2] = naming_group_count(naming, "G", never_count, NULL);
    calls[3] = naming_groups(naming, never_names, NULL);
    naming_stats(naming, &stats);
    g_assert_cmpuint(stats.requests_in_flight, ==, 4);
    for (guint i = 0; i < G_N_ELEMENTS(calls); i++)
        naming_call_cancel(calls[i]);
    naming_stats(naming, &stats);
    g_assert_cmpuint(stats.requests_in_flight, ==, 0);
    naming_free(naming);
}

static void note(const struct naming_result *result, gpointer user_data)
{
    *(enum naming_status *)user_data = result->status;
}

static void test_update_keeps_and_beats_nothing(void)
{
    const struct naming_config config = defaults();
    struct naming *naming = make(&config);
    g_autoptr(service_key) key = service_key_new("G", "svc");
    g_auto(instance) instance;
    struct naming_stats stats;
    struct naming_beat_state state;
    enum naming_status status = NAMING_REMOTE;
    struct fake_call *asked;

    instance_init(&instance);
    instance.ip = g_strdup("10.0.0.1");
    instance.port = 80;
    asked = (struct fake_call *)naming_update(naming, key, &instance, note, &status);
    g_assert_cmpint(asked->kind, ==, FAKE_UPDATE);
    g_assert_true(instance_equal(&asked->instance, &instance));
    fake_answer(asked, NAMING_OK);
    g_assert_cmpint(status, ==, NAMING_OK);
    naming_stats(naming, &stats);
    g_assert_cmpuint(stats.beating, ==, 0);
    g_assert_cmpuint(stats.requests_in_flight, ==, 0);
    g_assert_false(naming_beat_state(naming, key, &instance, &state));
    naming_free(naming);
}

struct heard {
    GString *order; /* what the listener was told */
    enum naming_status registered;
};

static void on_changed(const struct service_key *key, struct service_info *old,
                       struct service_info *info, gpointer user_data)
{
    struct heard *heard = user_data;

    g_string_append_printf(heard->order, "changed to %g;", info->hosts[0].weight);
}

static void on_adopted(const struct service_key *key, const struct instance *instance,
                       gpointer user_data)
{
    struct heard *heard = user_data;

    g_string_append_printf(heard->order, "adopted %g;", instance->weight);
}

static void answer_list(struct naming_proxy *proxy, const struct service_key *key, double weight)
{
    static const guint one[] = {1, 0};
    struct service_info *info = fake_info(key, 0, one);
    gint64 until = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;

    while (fake_waiting(proxy, FAKE_LIST) == NULL && g_get_monotonic_time() < until)
        g_main_context_iteration(NULL, TRUE);
    info->hosts[0].weight = weight;
    fake_answer_list(fake_waiting(proxy, FAKE_LIST), info);
}

/* The mount's own record follows before the list is announced. */
static void test_changes_of_our_own_are_adopted_first(void)
{
    const struct naming_config config = defaults();
    const struct naming_listener listener = {.changed = on_changed, .adopted = on_adopted};
    struct heard heard = {.order = g_string_new(NULL), .registered = NAMING_REMOTE};
    struct naming *naming = naming_new(&config, &listener, &heard, NULL);
    g_autoptr(service_key) key = service_key_new("G", "svc");
    struct fake_call *probe = (struct fake_call *)naming_list(naming, key, never_list, NULL);
    struct naming_proxy *proxy = probe->proxy;
    g_auto(instance) instance;

    naming_call_cancel(&probe->call);
    instance_init(&instance);
    instance.ip = g_strdup("10.0.0.1");
    instance.port = 80;
    naming_register(naming, key, &instance, note, &heard.registered);
    fake_answer(fake_waiting(proxy, FAKE_REGISTER), NAMING_OK);
    g_usleep(1); /* a list of the same microsecond would count as asked for before */
    naming_subscribe(naming, key);
    answer_list(proxy, key, 1);
    naming_refresh(naming, key);
    answer_list(proxy, key, 7);
    g_assert_cmpstr(heard.order->str, ==, "changed to 1;adopted 7;changed to 7;");
    naming_free(naming);
    g_string_free(heard.order, TRUE);
}

static void test_free_with_everything_under_way(void)
{
    const struct naming_config config = defaults();
    struct naming *naming = make(&config);
    g_autoptr(service_key) key = service_key_new("G", "svc");
    g_auto(instance) instance;
    struct naming_stats stats;

    instance_init(&instance);
    instance.ip = g_strdup("10.0.0.1");
    instance.port = 80;
    naming_register(naming, key, &instance, never, NULL);
    naming_deregister(naming, key, &instance, never, NULL);
    instance.port = 81;
    naming_adopt(naming, key, &instance, 0);
    naming_subscribe(naming, key);
    naming_wait(naming, key, never_list, NULL);
    naming_refresh(naming, key);
    naming_stats(naming, &stats);
    g_assert_cmpuint(stats.subscribed, ==, 1);
    g_assert_cmpuint(stats.beating, ==, 1);
    g_assert_cmpuint(stats.polls, ==, 1);
    naming_free(naming);
}

static void test_people(void)
{
    const struct naming_config config = defaults();
    struct naming *naming = make(&config);
    struct naming_server_state states[2];
    g_autofree char *ip = naming_own_ip(naming);

    g_assert_cmpstr(ip, ==, "192.0.2.1");
    g_assert_cmpuint(naming_servers(naming, states, 2), ==, 1);
    g_assert_cmpstr(states[0].url, ==, "http://s1:8848/nacos");
    naming_free(naming);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/naming/senseless-configurations", test_senseless_configurations);
    g_test_add_func("/naming/push-port", test_push_port);
    g_test_add_func("/naming/calls-are-forwarded", test_calls_are_forwarded_and_cancelled);
    g_test_add_func("/naming/update", test_update_keeps_and_beats_nothing);
    g_test_add_func("/naming/adopted-first", test_changes_of_our_own_are_adopted_first);
    g_test_add_func("/naming/free-with-everything-under-way", test_free_with_everything_under_way);
    g_test_add_func("/naming/people", test_people);
    return g_test_run();
}
