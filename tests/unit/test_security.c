/* SPDX-License-Identifier: MIT */
#include "naming/security_proxy.h"

#include "http_stub.h"
#include "naming/naming_proxy.h"

#include <string.h>

#define LOGIN "POST /nacos/v1/auth/users/login?username=u%201 HTTP/1.1\r\n"

struct bed {
    struct http_stub *stub;
    struct naming_proxy *proxy;
    struct service_key *key;
    /* the script */
    const char *token; /* that log-ins give and requests must have; NULL = log-in refused */
    guint ttl_s;
    gboolean login_hangs;
    gboolean always_refuse;
    /* what came of it */
    guint logins, refused;
    gboolean done;
    enum naming_status status;
    char *text;
    guint troubles;
};

static void on_login_request(struct bed *bed, struct http_stub_connection *connection)
{
    g_autofree char *reply = NULL;
    bed->logins++;
    if (bed->login_hangs)
        return;
    if (bed->token == NULL) {
        http_stub_reply(connection, 403, "unknown user!");
        return;
    }
    reply = g_strdup_printf("{\"accessToken\":\"%s\",\"tokenTtl\":%u,\"globalAdmin\":true}",
                            bed->token, bed->ttl_s);
    http_stub_reply(connection, 200, reply);
}

static void on_request(struct http_stub_connection *connection, const char *request, gpointer data)
{
    struct bed *bed = data;
    g_autofree char *wanted = g_strdup_printf("&accessToken=%s ", bed->token);
    if (strstr(request, "/auth/users/login") != NULL) {
        g_assert_true(g_str_has_prefix(request, LOGIN));
        g_assert_true(g_str_has_suffix(request, "\r\n\r\npassword=p%26w"));
        on_login_request(bed, connection);
    } else if (bed->token != NULL && strstr(request, wanted) != NULL && !bed->always_refuse) {
        http_stub_reply(connection, 200, "ok");
    } else {
        bed->refused++;
        http_stub_reply(connection, 403, "token invalid!");
    }
}

static void on_trouble(const char *path, const struct naming_result *result, gpointer data)
{
    struct bed *bed = data;
    g_assert_true(g_str_has_prefix(result->text, "log-in: "));
    g_assert_null(strstr(result->text, "p&w"));
    bed->troubles++;
}

static const struct naming_credentials name_and_password = {.username = (char *)"u 1",
                                                            .password = (char *)"p&w"};

static void bed_open(struct bed *bed, const char *token, const struct naming_credentials *who)
{
    *bed = (struct bed){.stub = http_stub_new(on_request, bed), .token = token, .ttl_s = 18000};
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u/nacos", http_stub_port(bed->stub));
    const char *const urls[] = {url, NULL};
    const struct naming_config config = {
        .servers = urls,
        .timeout_ms = 1000,
        .connect_timeout_ms = 500,
        .max_response = 100000,
        .credentials = who,
    };
    const struct trouble trouble = {on_trouble, bed};
    bed->key = service_key_new("G", "s");
    bed->proxy = naming_proxy_new(&config, &trouble, NULL);
}

static void bed_close(struct bed *bed)
{
    naming_proxy_free(bed->proxy);
    service_key_free(bed->key);
    http_stub_free(bed->stub);
    g_free(bed->text);
}

static void on_done(const struct naming_result *result, gpointer data)
{
    struct bed *bed = data;
    bed->done = TRUE;
    bed->status = result->status;
    g_free(bed->text);
    bed->text = g_strdup(result->text);
}

static struct naming_call *start(struct bed *bed)
{
    struct instance instance;
    instance_init(&instance);
    instance.ip = (char *)"10.0.0.1";
    instance.port = 80;
    bed->done = FALSE;
    struct naming_call *call = naming_proxy_register(bed->proxy, bed->key, &instance, on_done, bed);
    g_free(instance.cluster_name);
    return call;
}

static enum naming_status ask(struct bed *bed)
{
    start(bed);
    http_stub_wait(&bed->done, 4000);
    return bed->status;
}

static void test_requests_have_the_token(void)
{
    struct bed bed;
    bed_open(&bed, "t1", &name_and_password);
    http_stub_run(100);
    g_assert_cmpuint(bed.logins, ==, 1);
    g_assert_cmpint(ask(&bed), ==, NAMING_OK);
    g_assert_cmpint(ask(&bed), ==, NAMING_OK);
    g_assert_cmpuint(bed.refused, ==, 0);
    g_assert_cmpuint(bed.logins, ==, 1);
    bed_close(&bed);
}

/* The first request is on its way before the log-in is over. */
static void test_request_waits_for_the_log_in(void)
{
    struct bed bed;
    bed_open(&bed, "t1", &name_and_password);
    g_assert_cmpint(ask(&bed), ==, NAMING_OK);
    g_assert_cmpuint(bed.logins, ==, 1);
    bed_close(&bed);
}

static void test_nobody_logs_in_without_a_name(void)
{
    struct bed bed;
    bed_open(&bed, NULL, NULL);
    g_assert_cmpint(ask(&bed), ==, NAMING_DENIED);
    g_assert_cmpstr(bed.text, ==, "token invalid!");
    g_assert_cmpuint(bed.refused, ==, 1);
    g_assert_cmpuint(bed.logins, ==, 0);
    bed_close(&bed);
}

static void test_wrong_password(void)
{
    struct bed bed;
    bed_open(&bed, NULL, &name_and_password);
    g_assert_cmpint(ask(&bed), ==, NAMING_DENIED);
    g_assert_cmpint(ask(&bed), ==, NAMING_DENIED);
    g_assert_cmpuint(bed.logins, ==, 1); /* not again within 5 s */
    g_assert_cmpuint(bed.troubles, ==, 1);
    bed_close(&bed);
}

static void test_hanging_log_in_holds_a_request_no_longer_than_its_time(void)
{
    struct bed bed;
    gint64 began = g_get_monotonic_time();
    bed_open(&bed, "t1", &name_and_password);
    bed.login_hangs = TRUE;
    g_assert_cmpint(ask(&bed), ==, NAMING_DENIED);
    g_assert_cmpint(g_get_monotonic_time() - began, <, 2 * G_USEC_PER_SEC);
    g_assert_cmpuint(bed.refused, ==, 1);
    bed_close(&bed);
}

/* Five seconds after the last log-in a refused token is renewed, and the request is none the
 * wiser. */
static void test_refused_token_is_renewed(void)
{
    struct bed bed;
    bed_open(&bed, "t1", &name_and_password);
    g_assert_cmpint(ask(&bed), ==, NAMING_OK);
    bed.token = "t2"; /* the server has another secret now */
    bed.refused = 0;
    g_assert_cmpint(ask(&bed), ==, NAMING_DENIED); /* too soon */
    g_assert_cmpuint(bed.logins, ==, 1);
    http_stub_run(SECURITY_LOGIN_APART_MS);
    g_assert_cmpint(ask(&bed), ==, NAMING_OK);
    g_assert_cmpuint(bed.logins, ==, 2);
    g_assert_cmpuint(bed.refused, ==, 2);
    bed_close(&bed);
}

static void test_token_is_renewed_before_it_expires(void)
{
    struct bed bed;
    bed_open(&bed, "t1", &name_and_password);
    bed.ttl_s = 1; /* as if it were 5.6 s: never more often than every 5 s */
    http_stub_run(SECURITY_LOGIN_APART_MS + 1500);
    g_assert_cmpuint(bed.logins, ==, 2);
    g_assert_cmpuint(bed.refused, ==, 0);
    bed_close(&bed);
}

static void test_one_log_in_a_request_only(void)
{
    struct bed bed;
    bed_open(&bed, "t1", &name_and_password);
    bed.always_refuse = TRUE;
    g_assert_cmpint(ask(&bed), ==, NAMING_DENIED);
    g_assert_cmpuint(bed.refused, <=, 2);
    g_assert_cmpuint(bed.logins, ==, 1);
    bed_close(&bed);
}

static void test_reload_logs_in_at_once(void)
{
    struct bed bed;
    bed_open(&bed, "t1", &name_and_password);
    g_assert_cmpint(ask(&bed), ==, NAMING_OK);
    bed.token = "t2";
    naming_proxy_reload(bed.proxy, &name_and_password);
    http_stub_run(100);
    bed.refused = 0;
    g_assert_cmpint(ask(&bed), ==, NAMING_OK);
    g_assert_cmpuint(bed.refused, ==, 0);
    g_assert_cmpuint(bed.logins, ==, 2);
    bed_close(&bed);
}

/* Cancelled, or everything freed, while requests wait for a log-in. */
static void test_waiting_can_be_given_up(void)
{
    struct bed bed;
    bed_open(&bed, "t1", &name_and_password);
    bed.login_hangs = TRUE;
    struct naming_call *first = start(&bed);
    start(&bed);
    http_stub_run(100);
    g_assert_cmpuint(bed.refused, ==, 2);
    naming_call_cancel(first);
    http_stub_run(20);
    bed_close(&bed);
}

/* The vector of the protocol's description. */
static void test_signature(void)
{
    g_autoptr(service_key) key = service_key_new("G1", "svc");
    g_autofree char *data = security_sign_data(1795354757645, key);
    g_autofree char *bare = security_sign_data(1795354757645, NULL);
    g_autofree char *signature = security_sign("SK", data);
    g_assert_cmpstr(data, ==, "1795354757645@@G1@@svc");
    g_assert_cmpstr(bare, ==, "1795354757645");
    g_assert_cmpstr(signature, ==, "rER5fLxr8WFqyVsY0/RkllXAmB4=");
}

static void test_requests_are_signed(void)
{
    struct bed bed;
    const struct naming_credentials keys = {.access_key = (char *)"A K",
                                            .secret_key = (char *)"secret-key-of-a-test"};
    bed_open(&bed, NULL, &keys);
    ask(&bed);
    const char *request = http_stub_log(bed.stub)->pdata[0];
    g_assert_nonnull(strstr(request, "&ak=A%20K&data="));
    g_assert_nonnull(strstr(request, "%40%40G%40%40s&signature="));
    g_assert_null(strstr(request, "secret-key-of-a-test"));
    g_assert_cmpuint(bed.logins, ==, 0);
    bed_close(&bed);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/security/token", test_requests_have_the_token);
    g_test_add_func("/security/first-request", test_request_waits_for_the_log_in);
    g_test_add_func("/security/nobody", test_nobody_logs_in_without_a_name);
    g_test_add_func("/security/wrong-password", test_wrong_password);
    g_test_add_func("/security/hanging-log-in",
                    test_hanging_log_in_holds_a_request_no_longer_than_its_time);
    g_test_add_func("/security/refused-token", test_refused_token_is_renewed);
    g_test_add_func("/security/expiry", test_token_is_renewed_before_it_expires);
    g_test_add_func("/security/always-refused", test_one_log_in_a_request_only);
    g_test_add_func("/security/reload", test_reload_logs_in_at_once);
    g_test_add_func("/security/given-up", test_waiting_can_be_given_up);
    g_test_add_func("/security/signature", test_signature);
    g_test_add_func("/security/signed", test_requests_are_signed);
    return g_test_run();
}
