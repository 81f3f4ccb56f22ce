/* SPDX-License-Identifier: MIT */
#include "naming/registry/probes.h"

#include "http_stub.h"
#include "naming/registry/check.h"

#include <string.h>

#define WAIT_MS 10000
#define HTTP "{\"type\":\"HTTP\"}"

struct fixture {
    struct store *store;
    struct probes *probes;
    struct http_stub *stub;
    struct metadata none;
    const char *answer; /* of the stub; NULL = it says nothing */
    struct store_instance *instance;
    guint changes;
};

static void on_request(struct http_stub_connection *connection, const char *request,
                       gpointer user_data)
{
    const struct fixture *f = user_data;
    if (f->answer && g_str_equal(f->answer, "RST"))
        http_stub_reset(connection);
    else if (f->answer)
        http_stub_send(connection, f->answer, strlen(f->answer));
}

static void on_change(const struct store_change *change, gpointer user_data)
{
    struct fixture *f = user_data;
    f->changes++;
}

static void set_up(struct fixture *f, gconstpointer unused)
{
    f->store = store_new(0);
    f->probes = probes_new(NULL, f->store, probe_policy_new(NULL, NULL), on_change, f);
    f->stub = http_stub_new(on_request, f);
    g_assert_true(metadata_parse(NULL, &f->none, NULL));
}

static void tear_down(struct fixture *f, gconstpointer unused)
{
    probes_free(f->probes);
    store_free(f->store);
    http_stub_free(f->stub);
    metadata_clear(&f->none);
}

static struct store_instance *add(struct fixture *f, const char *ip, gint port)
{
    struct store_change change;
    struct store_record record = {
        .id = {.namespace_id = "public",
               .service = "G@@s",
               .ip = ip,
               .port = port,
               .persistent = TRUE},
        .metadata = &f->none,
        .weight = 1,
        .healthy = TRUE,
        .enabled = TRUE,
    };
    g_assert_true(store_register(f->store, &record, 0, &change, NULL));
    return f->instance = change.instance;
}

static void use(struct fixture *f, const char *json, gint check_port, gboolean own_port)
{
    struct checker checker;
    g_assert_true(checker_parse(json, &checker, NULL));
    struct store_cluster_record record = {"public", "G@@s",     "DEFAULT", &checker,
                                          &f->none, check_port, own_port};
    g_assert_true(store_update_cluster(f->store, &record, 0, NULL));
    checker_clear(&checker);
}

static void use_service(struct fixture *f)
{
    struct store_service_record record = {"public", "G@@s", &f->none, 0};
    g_assert_true(store_create_service(f->store, &record, NULL));
}

static void wait_for_results(struct fixture *f, guint64 count)
{
    gint64 end = g_get_monotonic_time() + WAIT_MS * 1000;
    probes_schedule(f->probes);
    while (probes_figures(f->probes).done < count) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        http_stub_run(5);
    }
}

/* The first result decides: TRUE if it makes the instance healthy. */
static gboolean probe_once(struct fixture *f)
{
    guint64 done = probes_figures(f->probes).done;
    check_unproven(f->store, f->instance->check, g_get_monotonic_time());
    f->instance->healthy = TRUE;
    f->instance->check->interval_ms = 100000; /* no second one meanwhile */
    wait_for_results(f, done + 1);
    return f->instance->healthy;
}

static void test_tcp(struct fixture *f, gconstpointer unused)
{
    add(f, "127.0.0.1", http_stub_port(f->stub));
    g_assert_true(probe_once(f));
    g_assert_cmpuint(probes_figures(f->probes).failed, ==, 0);
}

static void test_tcp_refused(struct fixture *f, gconstpointer unused)
{
    add(f, "127.0.0.1", http_stub_dead_port());
    g_assert_false(probe_once(f));
    g_assert_cmpuint(f->changes, ==, 1);
}

static void test_check_port(struct fixture *f, gconstpointer unused)
{
    add(f, "127.0.0.1", http_stub_dead_port());
    use(f, "{\"type\":\"TCP\"}", http_stub_port(f->stub), FALSE);
    g_assert_true(probe_once(f));
}

/* What one result says, told by what it does to a healthy instance. */
static enum probe_verdict verdict(struct fixture *f)
{
    struct check *check = f->instance->check;
    guint64 done = probes_figures(f->probes).done;
    f->instance->healthy = TRUE;
    check_restart(f->store, check, g_get_monotonic_time());
    check->interval_ms = 100000; /* no second one meanwhile */
    wait_for_results(f, done + 1);
    if (!f->instance->healthy)
        return PROBE_FAIL_NOW;
    return check->fails ? PROBE_FAIL : PROBE_OK;
}

static void test_statuses(struct fixture *f, gconstpointer unused)
{
    static const struct {
        const char *answer;
        enum probe_verdict verdict;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\n\r\n", PROBE_OK},
        {"HTTP/1.0 200\r\n", PROBE_OK},
        {"HTTP/1.1 204 No Content\r\n\r\n", PROBE_FAIL_NOW},
        {"HTTP/1.1 2000\r\n\r\n", PROBE_FAIL},
        {"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n", PROBE_FAIL},
        {"HTTP/1.1 503 Busy\r\n\r\n", PROBE_FAIL},
        {"HTTP/1.1 301 Moved\r\n\r\n", PROBE_FAIL_NOW},
        {"HTTP/1.1 500 Error\r\n\r\n", PROBE_FAIL_NOW},
        {"HTTP/1.1 404 Not Found\r\n\r\n", PROBE_FAIL_NOW},
        {"SSH-2.0-OpenSSH_9.2p1\r\n", PROBE_FAIL},
        {"RST", PROBE_FAIL},
    };
    add(f, "127.0.0.1", http_stub_port(f->stub));
    use(f, HTTP, 80, TRUE);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        f->answer = rows[i].answer;
        enum probe_verdict found = verdict(f);
        if (found != rows[i].verdict)
            g_error("%s: %d", rows[i].answer, found);
    }
}

static void test_request(struct fixture *f, gconstpointer unused)
{
    add(f, "127.0.0.1", http_stub_port(f->stub));
    use(f, "{\"type\":\"HTTP\",\"path\":\"/up?x=1\",\"headers\":\"X-A: b|C:d:e|Y:z\"}", 80, TRUE);
    f->answer = "HTTP/1.1 200 OK\r\n\r\n";
    probe_once(f);
    g_autofree char *expected = g_strdup_printf("GET /up?x=1 HTTP/1.1\r\n"
                                                "Host: 127.0.0.1:%d\r\n"
                                                "User-Agent: VIPServer\r\n"
                                                "Accept-Charset: UTF-8\r\n"
                                                "Content-Type: application/json;charset=UTF-8\r\n"
                                                "Connection: close\r\n"
                                                "X-A: b\r\n"
                                                "Y: z\r\n\r\n",
                                                http_stub_port(f->stub));
    g_assert_cmpstr(g_ptr_array_index(http_stub_log(f->stub), 0), ==, expected);
}

static void test_silent(struct fixture *f, gconstpointer checker)
{
    add(f, "127.0.0.1", http_stub_port(f->stub));
    use(f, checker, 80, TRUE);
    gint64 before = g_get_monotonic_time();
    g_assert_false(probe_once(f));
    g_assert_cmpint(g_get_monotonic_time() - before, >=, 490 * 1000);
}

static void test_no_mysql(struct fixture *f, gconstpointer unused)
{
    add(f, "127.0.0.1", http_stub_dead_port());
    use(f, "{\"type\":\"MYSQL\",\"user\":\"u\",\"pwd\":\"p\"}", 80, TRUE);
    g_assert_false(probe_once(f));
}

/* The stub says nothing, so that they stay as long as they may: one that began before the others
 * makes room for one. */
static void test_not_more_than_64(struct fixture *f, gconstpointer unused)
{
    use_service(f);
    use(f, HTTP, http_stub_port(f->stub), FALSE);
    for (int i = 1; i <= 100; i++) {
        g_autofree char *ip = g_strdup_printf("127.0.0.%d", i);
        check_restart(f->store, add(f, ip, 80)->check, 0);
        probes_schedule(f->probes);
        if (i == 1)
            http_stub_run(250);
    }
    wait_for_results(f, 100);
    g_assert_cmpuint(probes_figures(f->probes).most, ==, PROBES_MAX);
}

static void test_out_of_bounds(struct fixture *f, gconstpointer unused)
{
    add(f, "192.0.2.1", 80);
    g_assert_false(probes_cover(f->probes, f->instance));
    check_restart(f->store, f->instance->check, 0);
    probes_schedule(f->probes);
    http_stub_run(50);
    g_assert_cmpuint(probes_figures(f->probes).done, ==, 0);
    g_assert_cmpint(f->instance->check->due.due, >, g_get_monotonic_time());
    g_assert_true(f->instance->healthy);
}

static void test_none_is_not_probed(struct fixture *f, gconstpointer unused)
{
    add(f, "127.0.0.1", http_stub_dead_port());
    use(f, "{\"type\":\"NONE\"}", 80, TRUE);
    g_assert_false(probes_cover(f->probes, f->instance));
    probes_schedule(f->probes);
    http_stub_run(50);
    g_assert_cmpuint(probes_figures(f->probes).done, ==, 0);
}

static void test_switched_off(struct fixture *f, gconstpointer unused)
{
    add(f, "127.0.0.1", http_stub_dead_port());
    probes_enable(f->probes, FALSE);
    check_restart(f->store, f->instance->check, 0);
    probes_schedule(f->probes);
    http_stub_run(50);
    g_assert_cmpuint(probes_figures(f->probes).done, ==, 0);
    probes_enable(f->probes, TRUE);
    wait_for_results(f, 1);
}

static void test_deregistered_under_way(struct fixture *f, gconstpointer checker)
{
    struct store_change change;
    add(f, "127.0.0.1", http_stub_port(f->stub));
    use(f, checker, 80, TRUE);
    probes_schedule(f->probes);
    http_stub_run(100);
    g_assert_cmpuint(probes_figures(f->probes).in_flight, ==, 1);
    g_assert_true(store_deregister(f->store, f->instance, 0, &change, NULL));
    wait_for_results(f, 1);
    g_assert_cmpuint(f->changes, ==, 0);
}

static void test_freed_under_way(struct fixture *f, gconstpointer checker)
{
    add(f, "127.0.0.1", http_stub_port(f->stub));
    use(f, checker, 80, TRUE);
    probes_schedule(f->probes);
    http_stub_run(100);
    g_assert_cmpuint(probes_figures(f->probes).in_flight, ==, 1);
}

#define MYSQL "{\"type\":\"MYSQL\",\"user\":\"u\",\"pwd\":\"p\"}"
#define ADD(name, argument, function)                                                              \
    g_test_add("/registry/probes/" name, struct fixture, argument, set_up, function, tear_down)

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    ADD("tcp", NULL, test_tcp);
    ADD("tcp-refused", NULL, test_tcp_refused);
    ADD("check-port", NULL, test_check_port);
    ADD("http-statuses", NULL, test_statuses);
    ADD("http-request", NULL, test_request);
    ADD("http-silent", HTTP, test_silent);
    ADD("mysql-silent", MYSQL, test_silent);
    ADD("mysql-refused", NULL, test_no_mysql);
    ADD("at-most-64", NULL, test_not_more_than_64);
    ADD("out-of-bounds", NULL, test_out_of_bounds);
    ADD("none", NULL, test_none_is_not_probed);
    ADD("switched-off", NULL, test_switched_off);
    ADD("http-deregistered", HTTP, test_deregistered_under_way);
    ADD("mysql-deregistered", MYSQL, test_deregistered_under_way);
    ADD("http-freed", HTTP, test_freed_under_way);
    ADD("mysql-freed", MYSQL, test_freed_under_way);
    return g_test_run();
}
