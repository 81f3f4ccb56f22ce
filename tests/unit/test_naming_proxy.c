/* SPDX-License-Identifier: MIT */
#include "naming/naming_proxy.h"

#include "http_stub.h"
#include "large_list.h"
#include "naming/call.h"
#include "naming/naming_proxy_call.h"

#include <string.h>

#define SERVERS 3

static const struct trouble nobody = {NULL, NULL};

/* What one server of a test answers. */
struct server {
    struct http_stub *stub;
    enum { REPLY, SILENT, RESET } way;
    int status;
    const char *body;
    gboolean (*own)(struct http_stub_connection *connection, const char *request);
};

/* What came of a call. */
struct outcome {
    gboolean done;
    guint calls;
    enum naming_status status;
    char *server, *text;
    struct service_info *info;
    struct beat_reply reply;
    char *names; /* joined by blanks */
    guint count;
    gint64 ended;
};

struct bed {
    struct server servers[SERVERS];
    guint n;
    char **urls;
    struct naming_config config;
    struct naming_proxy *proxy;
    struct service_key *key;
    struct instance instance;
    struct outcome outcome;
};

static void on_request(struct http_stub_connection *connection, const char *request, gpointer data)
{
    struct server *server = data;
    if (server->own != NULL && server->own(connection, request))
        return;
    if (server->way == REPLY)
        http_stub_reply(connection, server->status, server->body);
    else if (server->way == RESET)
        http_stub_reset(connection);
}

/* `n` servers that all say 200 `body`. */
static void bed_open(struct bed *bed, guint n, const char *body)
{
    *bed = (struct bed){.n = n};
    bed->urls = g_new0(char *, n + 1);
    for (guint i = 0; i < n; i++) {
        struct server *server = &bed->servers[i];
        *server = (struct server){.status = 200, .body = body};
        server->stub = http_stub_new(on_request, server);
        bed->urls[i] = g_strdup_printf("http://127.0.0.1:%u/nacos", http_stub_port(server->stub));
    }
    bed->config = (struct naming_config){
        .servers = (const char *const *)bed->urls,
        .namespace_id = "public",
        .clusters = "",
        .timeout_ms = 1200,
        .connect_timeout_ms = 500,
        .retries = 2,
        .max_response = 1000000,
    };
    bed->key = service_key_new("G", "order svc");
    instance_init(&bed->instance);
    bed->instance.ip = g_strdup("10.0.0.1");
    bed->instance.port = 80;
}

static void bed_start(struct bed *bed)
{
    char *why = NULL;
    bed->proxy = naming_proxy_new(&bed->config, &nobody, &why);
    g_assert_cmpstr(why, ==, NULL);
}

static void outcome_clear(struct outcome *outcome)
{
    g_free(outcome->server);
    g_free(outcome->text);
    g_free(outcome->names);
    service_info_unref(outcome->info);
    *outcome = (struct outcome){0};
}

static void bed_close(struct bed *bed)
{
    naming_proxy_free(bed->proxy);
    for (guint i = 0; i < bed->n; i++)
        http_stub_free(bed->servers[i].stub);
    g_strfreev(bed->urls);
    service_key_free(bed->key);
    instance_clear(&bed->instance);
    outcome_clear(&bed->outcome);
}

/* Index of the server that is asked first. */
static guint current(struct bed *bed)
{
    struct naming_server_state states[SERVERS];
    guint n = naming_proxy_servers(bed->proxy, states, SERVERS);
    for (guint i = 0; i < n; i++)
        if (states[i].current)
            return i;
    g_assert_not_reached();
}

static gboolean is_bad(struct bed *bed, guint index)
{
    struct naming_server_state states[SERVERS];
    naming_proxy_servers(bed->proxy, states, SERVERS);
    return states[index].bad;
}

static const char *request_of(struct bed *bed, guint server, guint index)
{
    const GPtrArray *log = http_stub_log(bed->servers[server].stub);
    g_assert_cmpuint(index, <, log->len);
    return log->pdata[index];
}

static guint requests_of(struct bed *bed, guint server)
{
    return http_stub_log(bed->servers[server].stub)->len;
}

static void note(struct outcome *outcome, const struct naming_result *result)
{
    outcome->done = TRUE;
    outcome->calls++;
    outcome->status = result->status;
    outcome->server = g_strdup(result->server);
    outcome->text = g_strdup(result->text);
    outcome->ended = g_get_monotonic_time();
}

static void on_done(const struct naming_result *result, gpointer data)
{
    note(data, result);
}

static void on_list(const struct naming_result *result, struct service_info *info, gpointer data)
{
    struct outcome *outcome = data;
    note(outcome, result);
    outcome->info = info != NULL ? service_info_ref(info) : NULL;
}

static void on_beat(const struct naming_result *result, const struct beat_reply *reply,
                    gpointer data)
{
    struct outcome *outcome = data;
    note(outcome, result);
    g_assert_cmpint(reply != NULL, ==, result->status == NAMING_OK);
    if (reply != NULL)
        outcome->reply = *reply;
}

static void on_names(const struct naming_result *result, const char *const *names, gpointer data)
{
    struct outcome *outcome = data;
    note(outcome, result);
    outcome->names = names != NULL ? g_strjoinv(" ", (char **)names) : NULL;
}

static void on_count(const struct naming_result *result, guint count, gpointer data)
{
    struct outcome *outcome = data;
    note(outcome, result);
    outcome->count = count;
}

static void finish(struct bed *bed)
{
    g_assert_false(bed->outcome.done);
    http_stub_wait(&bed->outcome.done, 5000);
    g_assert_cmpuint(naming_proxy_in_flight(bed->proxy), ==, 0);
}

static void do_register(struct bed *bed)
{
    outcome_clear(&bed->outcome);
    naming_proxy_register(bed->proxy, bed->key, &bed->instance, on_done, &bed->outcome);
    finish(bed);
}

static void do_list(struct bed *bed)
{
    outcome_clear(&bed->outcome);
    naming_proxy_list(bed->proxy, bed->key, 4711, on_list, &bed->outcome);
    finish(bed);
}

#define LIST "{\"name\":\"G@@order svc\",\"hosts\":[{\"ip\":\"10.0.0.1\",\"port\":80}]}"

/* --- what goes over the wire --- */

static void test_register_request(void)
{
    struct bed bed;
    bed_open(&bed, 1, "ok");
    bed_start(&bed);
    bed.instance.weight = 2.5;
    bed.instance.enabled = FALSE;
    instance_set_metadata(&bed.instance, "k", "v&w=x\r\n");
    do_register(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_OK);
    g_assert_cmpstr(bed.outcome.text, ==, "");
    const char *expected =
        "POST /nacos/v1/ns/instance?serviceName=G%40%40order%20svc&namespaceId=public&groupName=G"
        "&ip=10.0.0.1&port=80&clusterName=DEFAULT&weight=2.5&enabled=false"
        "&healthy=true&ephemeral=true&metadata=%7B%22k%22%3A%22v%26w%3Dx%5Cr%5Cn%22%7D"
        "&enable=false HTTP/1.1\r\n";
    g_assert_true(g_str_has_prefix(request_of(&bed, 0, 0), expected));
    g_assert_true(g_str_has_suffix(request_of(&bed, 0, 0), "\r\n\r\n"));
    bed_close(&bed);
}

static void test_update_request(void)
{
    struct bed bed;
    bed_open(&bed, 1, "ok");
    bed_start(&bed);
    bed.instance.weight = 0;
    bed.instance.enabled = FALSE;
    bed.instance.ephemeral = FALSE;
    instance_set_metadata(&bed.instance, "k", "v");
    naming_proxy_update(bed.proxy, bed.key, &bed.instance, on_done, &bed.outcome);
    finish(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_OK);
    const char *expected =
        "PUT /nacos/v1/ns/instance?serviceName=G%40%40order%20svc&namespaceId=public&groupName=G"
        "&ip=10.0.0.1&port=80&clusterName=DEFAULT&weight=0.0&enabled=false&healthy=true"
        "&ephemeral=false&metadata=%7B%22k%22%3A%22v%22%7D HTTP/1.1\r\n";
    g_assert_true(g_str_has_prefix(request_of(&bed, 0, 0), expected));
    bed_close(&bed);
}

/* What 1.4 says to the Java client of an instance that it does not know. */
static void test_update_of_an_unknown_instance(void)
{
    struct bed bed;
    bed_open(&bed, 1, "caused: instance not exist: 10.0.0.1:80;");
    bed.servers[0].status = 500;
    bed_start(&bed);
    naming_proxy_update(bed.proxy, bed.key, &bed.instance, on_done, &bed.outcome);
    finish(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_REMOTE);
    g_assert_cmpstr(bed.outcome.text, ==, "caused: instance not exist: 10.0.0.1:80;");
    bed_close(&bed);
}

static void test_deregister_request(void)
{
    struct bed bed;
    bed_open(&bed, 1, "ok");
    bed_start(&bed);
    bed.instance.ephemeral = FALSE;
    naming_proxy_deregister(bed.proxy, bed.key, &bed.instance, on_done, &bed.outcome);
    finish(&bed);
    const char *expected =
        "DELETE /nacos/v1/ns/instance?serviceName=G%40%40order%20svc&namespaceId=public"
        "&groupName=G&ip=10.0.0.1&port=80&clusterName=DEFAULT&ephemeral=false HTTP/1.1\r\n";
    g_assert_true(g_str_has_prefix(request_of(&bed, 0, 0), expected));
    bed_close(&bed);
}

static void test_beat_request(void)
{
    struct bed bed;
    bed_open(&bed, 1, "{\"clientBeatInterval\":7000,\"code\":20404,\"lightBeatEnabled\":true}");
    bed_start(&bed);
    naming_proxy_beat(bed.proxy, bed.key, &bed.instance, 5000, FALSE, 1000, on_beat, &bed.outcome);
    finish(&bed);
    g_assert_cmpint(bed.outcome.reply.code, ==, 20404);
    g_assert_cmpint(bed.outcome.reply.interval_ms, ==, 7000);
    g_assert_true(bed.outcome.reply.light);
    const char *request = request_of(&bed, 0, 0);
    g_assert_true(g_str_has_prefix(
        request, "PUT /nacos/v1/ns/instance/beat?serviceName=G%40%40order%20svc"
                 "&namespaceId=public&ip=10.0.0.1&port=80&clusterName=DEFAULT HTTP/1.1\r\n"));
    g_assert_nonnull(strstr(request, "\r\n\r\nbeat=%7B%22port%22%3A80"));
    bed_close(&bed);
}

static void test_light_beat_has_no_body(void)
{
    struct bed bed;
    bed_open(&bed, 1, "{}");
    bed_start(&bed);
    naming_proxy_beat(bed.proxy, bed.key, &bed.instance, 5000, TRUE, 1000, on_beat, &bed.outcome);
    finish(&bed);
    g_assert_true(g_str_has_suffix(request_of(&bed, 0, 0), "\r\n\r\n"));
    bed_close(&bed);
}

static void test_list_request(void)
{
    struct bed bed;
    bed_open(&bed, 1, LIST);
    bed.config.clusters = "a,b";
    bed_start(&bed);
    do_list(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_OK);
    g_assert_cmpuint(bed.outcome.info->n_hosts, ==, 1);
    const char *expected =
        "GET /nacos/v1/ns/instance/list?serviceName=G%40%40order%20svc&namespaceId=public"
        "&groupName=G&clusters=a%2Cb&udpPort=4711&healthyOnly=false&clientIP=127.0.0.1 "
        "HTTP/1.1\r\n";
    g_assert_true(g_str_has_prefix(request_of(&bed, 0, 0), expected));
    bed_close(&bed);
}

static void test_own_ip_of_the_configuration_wins(void)
{
    struct bed bed;
    bed_open(&bed, 1, LIST);
    bed.config.own_ip = "192.0.2.7";
    bed_start(&bed);
    do_list(&bed);
    g_assert_nonnull(strstr(request_of(&bed, 0, 0), "&clientIP=192.0.2.7 "));
    g_autofree char *own = naming_proxy_own_ip(bed.proxy);
    g_assert_cmpstr(own, ==, "192.0.2.7");
    bed_close(&bed);
}

static void test_own_ip_is_the_route(void)
{
    struct bed bed;
    bed_open(&bed, 1, LIST);
    bed_start(&bed);
    g_autofree char *own = naming_proxy_own_ip(bed.proxy);
    g_assert_cmpstr(own, ==, "127.0.0.1");
    g_assert_true(naming_proxy_is_server(bed.proxy, "127.0.0.1"));
    g_assert_false(naming_proxy_is_server(bed.proxy, "127.0.0.2"));
    bed_close(&bed);
}

static void test_name_is_known_after_the_first_request(void)
{
    struct bed bed;
    bed_open(&bed, 1, LIST);
    g_free(bed.urls[0]);
    bed.urls[0] = g_strdup_printf("http://localhost:%u/nacos", http_stub_port(bed.servers[0].stub));
    bed_start(&bed);
    g_assert_null(naming_proxy_own_ip(bed.proxy));
    do_list(&bed);
    g_autofree char *own = naming_proxy_own_ip(bed.proxy);
    g_assert_cmpstr(own, ==, "127.0.0.1");
    g_assert_true(naming_proxy_is_server(bed.proxy, "127.0.0.1"));
    bed_close(&bed);
}

/* --- answers --- */

static void test_statuses(void)
{
    static const struct {
        int http;
        enum naming_status status;
        guint asked; /* of two servers */
    } cases[] = {
        {400, NAMING_INVALID, 1},   {401, NAMING_DENIED, 1}, {403, NAMING_DENIED, 1},
        {404, NAMING_NOT_FOUND, 1}, {410, NAMING_REMOTE, 1}, {302, NAMING_REMOTE, 1},
        {204, NAMING_REMOTE, 1},    {304, NAMING_REMOTE, 1}, {501, NAMING_REMOTE, 1},
        {500, NAMING_REMOTE, 2},    {502, NAMING_REMOTE, 2}, {503, NAMING_REMOTE, 2},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct bed bed;
        bed_open(&bed, 2, "caused: no;\r\nand more");
        bed.servers[0].status = bed.servers[1].status = cases[i].http;
        if (cases[i].http == 204 || cases[i].http == 304)
            bed.servers[0].body = bed.servers[1].body = "";
        bed_start(&bed);
        do_register(&bed);
        g_test_message("HTTP %d", cases[i].http);
        g_assert_cmpint(bed.outcome.status, ==, cases[i].status);
        g_assert_cmpuint(requests_of(&bed, 0) + requests_of(&bed, 1), ==, cases[i].asked);
        if (*bed.servers[0].body != '\0')
            g_assert_cmpstr(bed.outcome.text, ==, "caused: no;");
        bed_close(&bed);
    }
}

static void test_text_is_one_clean_line(void)
{
    struct bed bed;
    bed_open(&bed, 1, "  a\tb\x1b[31m\xff\nsecond");
    bed.servers[0].status = 400;
    bed_start(&bed);
    do_register(&bed);
    g_assert_cmpstr(bed.outcome.text, ==, "a b [31m\xef\xbf\xbd");
    bed_close(&bed);
}

static void test_text_is_short(void)
{
    struct bed bed;
    g_autofree char *body = g_strnfill(5000, '\xff');
    bed_open(&bed, 1, body);
    bed.servers[0].status = 400;
    bed_start(&bed);
    do_register(&bed);
    g_assert_cmpuint(strlen(bed.outcome.text), <=, 300);
    g_assert_true(g_utf8_validate(bed.outcome.text, -1, NULL));
    bed_close(&bed);
}

static void test_result_names_the_server(void)
{
    struct bed bed;
    bed_open(&bed, 1, "ok");
    bed_start(&bed);
    do_register(&bed);
    g_autofree char *expected =
        g_strdup_printf("127.0.0.1:%u", http_stub_port(bed.servers[0].stub));
    g_assert_cmpstr(bed.outcome.server, ==, expected);
    bed_close(&bed);
}

static void test_nonsense_is_no_registration(void)
{
    struct bed bed;
    bed_open(&bed, 1, "<html>Please sign in</html>");
    bed_start(&bed);
    do_register(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_REMOTE);
    bed_close(&bed);
}

static void test_reply_about_another_service(void)
{
    struct bed bed;
    bed_open(&bed, 1, "{\"name\":\"G@@other\",\"hosts\":[]}");
    bed_start(&bed);
    do_list(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_REMOTE);
    g_assert_null(bed.outcome.info);
    bed_close(&bed);
}

static void test_nonsense_leads_to_the_next_server(void)
{
    struct bed bed;
    bed_open(&bed, 2, "<html></html>");
    bed_start(&bed);
    guint first = current(&bed);
    bed.servers[1 - first].body = LIST;
    do_list(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_OK);
    g_assert_true(is_bad(&bed, first)); /* another server could */
    bed_close(&bed);
}

static void test_500_everywhere_blames_nobody(void)
{
    struct bed bed;
    bed_open(&bed, 2, "caused: bad weight;");
    bed.servers[0].status = bed.servers[1].status = 500;
    bed_start(&bed);
    do_register(&bed);
    g_assert_false(is_bad(&bed, 0));
    g_assert_false(is_bad(&bed, 1));
    bed_close(&bed);
}

static void test_too_large(void)
{
    struct bed bed;
    bed_open(&bed, 2, LIST);
    bed.config.max_response = 20;
    bed_start(&bed);
    do_list(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_REMOTE);
    g_assert_cmpuint(requests_of(&bed, 0) + requests_of(&bed, 1), ==, 1);
    bed_close(&bed);
}

/* --- servers that fail --- */

static void test_reset_leads_to_the_next_server(void)
{
    struct bed bed;
    bed_open(&bed, 2, "ok");
    bed_start(&bed);
    guint first = current(&bed);
    bed.servers[first].way = RESET;
    do_register(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_OK);
    g_assert_true(is_bad(&bed, first));
    g_assert_cmpuint(current(&bed), ==, 1 - first);
    do_register(&bed);
    g_assert_cmpuint(requests_of(&bed, first), ==, 1); /* not asked again */
    bed_close(&bed);
}

static void test_silent_server_takes_its_share_only(void)
{
    struct bed bed;
    bed_open(&bed, 2, "ok");
    bed_start(&bed);
    guint first = current(&bed);
    bed.servers[first].way = SILENT;
    gint64 start = g_get_monotonic_time();
    do_register(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_OK);
    g_assert_cmpint(bed.outcome.ended - start, >=, 500 * 1000);
    g_assert_cmpint(bed.outcome.ended - start, <, 5000 * 1000);
    start = g_get_monotonic_time();
    do_register(&bed);
    g_assert_cmpint(bed.outcome.ended - start, <, 400 * 1000);
    bed_close(&bed);
}

static void test_all_silent_ends_in_time(void)
{
    struct bed bed;
    bed_open(&bed, 3, "ok");
    for (guint i = 0; i < 3; i++)
        bed.servers[i].way = SILENT;
    bed_start(&bed);
    gint64 start = g_get_monotonic_time();
    do_register(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_TIMEOUT);
    g_assert_cmpint(bed.outcome.ended - start, <, 5000 * 1000);
    g_assert_cmpint(bed.outcome.ended - start, >=, 1100 * 1000);
    bed_close(&bed);
}

static void test_single_server_is_retried_after_a_reset(void)
{
    struct bed bed;
    bed_open(&bed, 1, "ok");
    bed.servers[0].way = RESET;
    bed_start(&bed);
    gint64 start = g_get_monotonic_time();
    do_register(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_UNREACHABLE);
    g_assert_cmpuint(requests_of(&bed, 0), ==, 3); /* retries = 2 */
    g_assert_cmpint(bed.outcome.ended - start, >=, 190 * 1000);
    bed_close(&bed);
}

static gboolean recover(struct http_stub_connection *connection, const char *request)
{
    http_stub_reset(connection);
    return TRUE;
}

static gboolean set_sound(gpointer data)
{
    ((struct server *)data)->own = NULL;
    return G_SOURCE_REMOVE;
}

static void test_retry_succeeds(void)
{
    struct bed bed;
    bed_open(&bed, 1, "ok");
    bed.servers[0].own = recover;
    bed_start(&bed);
    g_timeout_add(50, set_sound, &bed.servers[0]);
    do_register(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_OK);
    g_assert_false(is_bad(&bed, 0));
    bed_close(&bed);
}

static void test_single_silent_server_is_asked_once(void)
{
    struct bed bed;
    bed_open(&bed, 1, "ok");
    bed.servers[0].way = SILENT;
    bed.config.timeout_ms = 400;
    bed_start(&bed);
    do_register(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_TIMEOUT);
    g_assert_cmpuint(requests_of(&bed, 0), ==, 1);
    bed_close(&bed);
}

static void test_nobody_listens(void)
{
    struct bed bed;
    bed_open(&bed, 1, "ok");
    g_free(bed.urls[0]);
    bed.urls[0] = g_strdup_printf("http://127.0.0.1:%u/nacos", http_stub_dead_port());
    bed_start(&bed);
    do_register(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_UNREACHABLE);
    g_assert_cmpstr(bed.outcome.text, !=, "");
    bed_close(&bed);
}

static void test_beats_have_connections_of_their_own(void)
{
    struct bed bed;
    struct outcome lists[40] = {0};
    bed_open(&bed, 1, "{}");
    bed.servers[0].way = SILENT; /* the lists take every connection there is */
    bed_start(&bed);
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
        naming_proxy_list(bed.proxy, bed.key, 0, on_list, &lists[i]);
    http_stub_run(100);
    bed.servers[0].way = REPLY;
    naming_proxy_beat(bed.proxy, bed.key, &bed.instance, 5000, TRUE, 500, on_beat, &bed.outcome);
    http_stub_wait(&bed.outcome.done, 400);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_OK);
    g_assert_false(lists[0].done);
    g_clear_pointer(&bed.proxy, naming_proxy_free);
    g_assert_false(lists[39].done);
    bed_close(&bed);
}

static void test_beat_gets_its_own_time(void)
{
    struct bed bed;
    bed_open(&bed, 1, "{}");
    bed.servers[0].way = SILENT;
    bed_start(&bed);
    gint64 start = g_get_monotonic_time();
    naming_proxy_beat(bed.proxy, bed.key, &bed.instance, 5000, TRUE, 300, on_beat, &bed.outcome);
    finish(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_TIMEOUT);
    g_assert_cmpint(bed.outcome.ended - start, <, 5000 * 1000);
    bed_close(&bed);
}

/* --- probes --- */

/* Server 0 failed long enough ago for a probe to be due, server 1 just now. */
static struct naming_transport *with_a_probe_due(struct bed *bed)
{
    struct naming_transport *transport = naming_transport_new(&bed->config, NULL, &nobody);
    gint64 long_ago = g_get_monotonic_time() - SERVER_LIST_PROBE_FIRST;
    server_list_failed(transport->servers, 0, long_ago, "dead");
    naming_transport_failed(transport, transport->servers, 1, "dead");
    return transport;
}

static gboolean transport_is_bad(struct naming_transport *transport, guint index)
{
    struct naming_server_state states[SERVERS];
    server_list_states(transport->servers, states, SERVERS);
    return states[index].bad;
}

static void test_probe_finds_a_server_that_is_back(void)
{
    struct bed bed;
    bed_open(&bed, 2, "{\"status\":\"UP\"}");
    struct naming_transport *transport = with_a_probe_due(&bed);
    gint64 end = g_get_monotonic_time() + 2 * G_USEC_PER_SEC;
    while (transport_is_bad(transport, 0) && g_get_monotonic_time() < end)
        http_stub_run(5);
    g_assert_false(transport_is_bad(transport, 0));
    g_assert_true(transport_is_bad(transport, 1));
    g_assert_true(
        g_str_has_prefix(request_of(&bed, 0, 0), "GET /nacos/v1/ns/operator/metrics HTTP/1.1\r\n"));
    g_assert_cmpuint(requests_of(&bed, 0), ==, 1);
    g_assert_cmpuint(requests_of(&bed, 1), ==, 0);
    naming_transport_free(transport);
    bed_close(&bed);
}

static void test_probe_answers(void)
{
    static const struct {
        int status;
        const char *body;
        gboolean bad;
    } cases[] = {
        {200, "{\"status\":\"DOWN\"}", TRUE},
        {200, "<html>", TRUE},
        {503, "", TRUE},
        {500, "", TRUE},
        {501, "no such api", FALSE},
        {404, "", FALSE},
        {403, "", FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct bed bed;
        bed_open(&bed, 2, cases[i].body);
        bed.servers[0].status = cases[i].status;
        struct naming_transport *transport = with_a_probe_due(&bed);
        while (requests_of(&bed, 0) == 0 || http_in_flight(transport->http) > 0)
            g_main_context_iteration(NULL, TRUE);
        g_test_message("%d %s", cases[i].status, cases[i].body);
        g_assert_cmpint(transport_is_bad(transport, 0), ==, cases[i].bad);
        naming_transport_free(transport);
        bed_close(&bed);
    }
}

/* --- listings --- */

static guint number_after(const char *request, const char *name)
{
    const char *at = strstr(request, name);
    g_assert_nonnull(at);
    return (guint)g_ascii_strtoull(at + strlen(name), NULL, 10);
}

/* 2,500 services, named in descending order. */
static gboolean many_services(struct http_stub_connection *connection, const char *request)
{
    guint page = number_after(request, "pageNo="), size = number_after(request, "pageSize=");
    g_autoptr(GString) body = g_string_new("{\"count\":2500,\"doms\":[");
    for (guint i = (page - 1) * size; i < page * size && i < 2500; i++)
        g_string_append_printf(body, "%s\"s%04u\"", i % size != 0 ? "," : "", 2499 - i);
    g_string_append(body, "]}");
    http_stub_reply(connection, 200, body->str);
    return TRUE;
}

static void test_services_over_pages(void)
{
    struct bed bed;
    bed_open(&bed, 1, "");
    bed.servers[0].own = many_services;
    bed_start(&bed);
    naming_proxy_services(bed.proxy, "G&H", on_names, &bed.outcome);
    finish(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_OK);
    g_auto(GStrv) names = g_strsplit(bed.outcome.names, " ", -1);
    g_assert_cmpuint(g_strv_length(names), ==, 2500);
    g_assert_cmpstr(names[0], ==, "s0000");
    g_assert_cmpstr(names[2499], ==, "s2499");
    g_assert_cmpuint(requests_of(&bed, 0), ==, 3);
    g_assert_true(g_str_has_prefix(request_of(&bed, 0, 0),
                                   "GET /nacos/v1/ns/service/list?namespaceId=public"
                                   "&groupName=G%26H&pageNo=1&pageSize=1000 HTTP/1.1\r\n"));
    bed_close(&bed);
}

static void test_group_count_asks_once(void)
{
    struct bed bed;
    bed_open(&bed, 1, "");
    bed.servers[0].own = many_services;
    bed_start(&bed);
    naming_proxy_group_count(bed.proxy, "G", on_count, &bed.outcome);
    finish(&bed);
    g_assert_cmpuint(bed.outcome.count, ==, 2500);
    g_assert_cmpuint(requests_of(&bed, 0), ==, 1);
    bed_close(&bed);
}

static void test_names_are_unique(void)
{
    struct bed bed;
    bed_open(&bed, 1, "{\"count\":4,\"doms\":[\"b\",\"a\",\"b\"]}");
    bed_start(&bed);
    naming_proxy_services(bed.proxy, "G", on_names, &bed.outcome);
    finish(&bed);
    g_assert_cmpstr(bed.outcome.names, ==, "a b");
    g_assert_cmpuint(requests_of(&bed, 0), ==, 2); /* three rows of four came */
    bed_close(&bed);
}

static void test_listing_ends_at_an_empty_page(void)
{
    struct bed bed;
    bed_open(&bed, 1, "{\"count\":4000000000,\"doms\":[]}");
    bed_start(&bed);
    naming_proxy_services(bed.proxy, "G", on_names, &bed.outcome);
    finish(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_OK);
    g_assert_cmpstr(bed.outcome.names, ==, "");
    bed_close(&bed);
}

static void test_endless_listing_ends_in_time(void)
{
    struct bed bed;
    bed_open(&bed, 1, "{\"count\":4000000000,\"doms\":[\"a\"]}");
    bed.config.timeout_ms = 500;
    bed_start(&bed);
    gint64 start = g_get_monotonic_time();
    naming_proxy_services(bed.proxy, "G", on_names, &bed.outcome);
    finish(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_TIMEOUT);
    g_assert_cmpint(bed.outcome.ended - start, <, 5000 * 1000);
    bed_close(&bed);
}

static void test_groups(void)
{
    struct bed bed;
    bed_open(&bed, 1,
             "{\"count\":3,\"serviceList\":[{\"name\":\"a\",\"groupName\":\"H\"},"
             "{\"name\":\"b\",\"groupName\":\"G\"},{\"name\":\"c\",\"groupName\":\"H\"}]}");
    bed_start(&bed);
    naming_proxy_groups(bed.proxy, on_names, &bed.outcome);
    finish(&bed);
    g_assert_cmpstr(bed.outcome.names, ==, "G H");
    g_assert_true(g_str_has_prefix(
        request_of(&bed, 0, 0),
        "GET /nacos/v1/ns/catalog/services?namespaceId=public&hasIpCount=false&withInstances=false"
        "&serviceNameParam=&groupNameParam=&pageNo=1&pageSize=1000 HTTP/1.1\r\n"));
    bed_close(&bed);
}

static void test_groups_switched_off(void)
{
    struct bed bed;
    bed_open(&bed, 2, "{\"status\":410}");
    bed.servers[0].status = bed.servers[1].status = 410; /* 3.0.3 */
    bed_start(&bed);
    naming_proxy_groups(bed.proxy, on_names, &bed.outcome);
    finish(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_REMOTE);
    g_assert_null(bed.outcome.names);
    g_assert_false(is_bad(&bed, 0) || is_bad(&bed, 1));
    bed_close(&bed);
}

/* --- lists so large that they are parsed beside the loop --- */

static void bed_open_large(struct bed *bed, guint n, const char *body)
{
    bed_open(bed, n, body);
    bed->config.max_response = 64 << 20;
    bed->config.timeout_ms = 20000;
    service_key_free(bed->key);
    bed->key = service_key_new("G", "svc");
    bed_start(bed);
}

/* Asks, and returns once the whole reply is there and being parsed. */
static struct naming_call *list_until_parsed(struct bed *bed)
{
    struct naming_call *call = naming_proxy_list(bed->proxy, bed->key, 0, on_list, &bed->outcome);
    while (http_in_flight(bed->proxy->transport->http) > 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(bed->outcome.calls, ==, 0);
    g_assert_cmpuint(naming_proxy_in_flight(bed->proxy), ==, 1);
    return call;
}

/* us; the longest time that the loop did not turn while the list was parsed. */
static gint64 gap_of_large_list(const char *body)
{
    struct bed bed;
    struct ticker ticker;
    bed_open_large(&bed, 1, body);
    list_until_parsed(&bed);
    ticker_start(&ticker);
    finish(&bed);
    ticker_stop(&ticker);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_OK);
    g_assert_cmpuint(bed.outcome.calls, ==, 1);
    g_assert_cmpuint(bed.outcome.info->n_hosts, ==, 20000);
    bed_close(&bed);
    return ticker.longest;
}

/* A busy machine stops any process for that long now and then, but not every time. */
static void test_large_list_leaves_the_loop_alone(void)
{
    g_autofree char *body = large_list(20000);
    gint64 longest = G_MAXINT64;
    for (guint i = 0; i < 20 && longest >= 100 * 1000; i++)
        longest = gap_of_large_list(body);
    g_assert_cmpint(longest, <, 100 * 1000);
}

static void test_large_nonsense_leads_to_the_next_server(void)
{
    struct bed bed;
    g_autofree char *good = large_list(10000);
    g_autofree char *cut = g_strndup(good, strlen(good) - 2);
    bed_open_large(&bed, 2, good);
    guint first = current(&bed);
    bed.servers[first].body = cut;
    naming_proxy_list(bed.proxy, bed.key, 0, on_list, &bed.outcome);
    finish(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_OK);
    g_assert_cmpuint(bed.outcome.info->n_hosts, ==, 10000);
    g_assert_true(is_bad(&bed, first));
    bed_close(&bed);
}

static void test_large_nonsense_everywhere(void)
{
    struct bed bed;
    g_autofree char *good = large_list(10000);
    g_autofree char *cut = g_strndup(good, strlen(good) - 2);
    bed_open_large(&bed, 1, cut);
    naming_proxy_list(bed.proxy, bed.key, 0, on_list, &bed.outcome);
    finish(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_REMOTE);
    g_assert_nonnull(strstr(bed.outcome.text, "not JSON"));
    bed_close(&bed);
}

static void test_large_list_keeps_to_the_deadline(void)
{
    struct bed bed;
    g_autofree char *body = large_list(200000);
    bed_open_large(&bed, 1, body);
    naming_proxy_free(bed.proxy);
    bed.config.timeout_ms = 500;
    bed_start(&bed);
    gint64 start = g_get_monotonic_time();
    naming_proxy_list(bed.proxy, bed.key, 0, on_list, &bed.outcome);
    finish(&bed);
    g_assert_cmpint(bed.outcome.status, ==, NAMING_TIMEOUT);
    g_assert_cmpint(bed.outcome.ended - start, <, 5000 * 1000);
    bed_close(&bed);
}

static void test_large_list_cancelled(void)
{
    struct bed bed;
    g_autofree char *body = large_list(20000);
    bed_open_large(&bed, 1, body);
    naming_call_cancel(list_until_parsed(&bed));
    g_assert_cmpuint(naming_proxy_in_flight(bed.proxy), ==, 0);
    list_until_parsed(&bed); /* its turn comes after the one dropped */
    finish(&bed);
    g_assert_cmpuint(bed.outcome.calls, ==, 1);
    g_assert_cmpuint(bed.outcome.info->n_hosts, ==, 20000);
    bed_close(&bed);
}

static void test_free_while_a_large_list_is_parsed(void)
{
    struct bed bed;
    g_autofree char *body = large_list(20000);
    bed_open_large(&bed, 1, body);
    list_until_parsed(&bed);
    g_clear_pointer(&bed.proxy, naming_proxy_free);
    http_stub_run(300); /* the thread comes to its end meanwhile, as a rule */
    g_assert_cmpuint(bed.outcome.calls, ==, 0);
    bed_close(&bed);
}

/* --- cancelling, freeing --- */

static void test_cancel_at_once(void)
{
    struct bed bed;
    bed_open(&bed, 1, "ok");
    bed_start(&bed);
    naming_call_cancel(
        naming_proxy_register(bed.proxy, bed.key, &bed.instance, on_done, &bed.outcome));
    g_assert_cmpuint(naming_proxy_in_flight(bed.proxy), ==, 0);
    http_stub_run(50);
    g_assert_cmpuint(bed.outcome.calls, ==, 0);
    bed_close(&bed);
}

static void test_cancel_during_the_pause(void)
{
    struct bed bed;
    bed_open(&bed, 1, "ok");
    bed.servers[0].way = RESET;
    bed_start(&bed);
    struct naming_call *call =
        naming_proxy_register(bed.proxy, bed.key, &bed.instance, on_done, &bed.outcome);
    while (!is_bad(&bed, 0))
        g_main_context_iteration(NULL, TRUE);
    naming_call_cancel(call);
    http_stub_run(150);
    g_assert_cmpuint(bed.outcome.calls, ==, 0);
    g_assert_cmpuint(requests_of(&bed, 0), ==, 1);
    bed_close(&bed);
}

static void test_free_drops_calls(void)
{
    struct bed bed;
    bed_open(&bed, 1, "ok");
    bed.servers[0].way = SILENT;
    bed_start(&bed);
    naming_proxy_register(bed.proxy, bed.key, &bed.instance, on_done, &bed.outcome);
    naming_proxy_list(bed.proxy, bed.key, 0, on_list, &bed.outcome);
    naming_proxy_services(bed.proxy, "G", on_names, &bed.outcome);
    http_stub_run(20);
    g_assert_cmpuint(naming_proxy_in_flight(bed.proxy), ==, 3);
    g_clear_pointer(&bed.proxy, naming_proxy_free);
    http_stub_run(20);
    g_assert_cmpuint(bed.outcome.calls, ==, 0);
    bed_close(&bed);
}

static void on_done_free(const struct naming_result *result, gpointer data)
{
    struct bed *bed = data;
    g_clear_pointer(&bed->proxy, naming_proxy_free);
    note(&bed->outcome, result); /* the result outlives the client */
}

static void test_free_within_done(void)
{
    struct bed bed;
    bed_open(&bed, 1, "ok");
    bed_start(&bed);
    naming_proxy_register(bed.proxy, bed.key, &bed.instance, on_done_free, &bed);
    naming_proxy_register(bed.proxy, bed.key, &bed.instance, on_done_free, &bed);
    http_stub_wait(&bed.outcome.done, 2000);
    http_stub_run(20);
    g_assert_cmpuint(bed.outcome.calls, ==, 1);
    bed_close(&bed);
}

static void test_configurations_without_sense(void)
{
    const char *none[] = {NULL};
    const char *some[] = {"http://127.0.0.1:8848/nacos", NULL};
    struct naming_config cases[] = {
        {.servers = none, .timeout_ms = 1, .connect_timeout_ms = 1, .max_response = 1},
        {.servers = some, .connect_timeout_ms = 1, .max_response = 1},
        {.servers = some, .timeout_ms = 1, .max_response = 1},
        {.servers = some, .timeout_ms = 1, .connect_timeout_ms = 1},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *why = NULL;
        g_assert_null(naming_proxy_new(&cases[i], &nobody, &why));
        g_assert_nonnull(why);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/naming_proxy/register", test_register_request);
    g_test_add_func("/naming_proxy/update", test_update_request);
    g_test_add_func("/naming_proxy/update-unknown", test_update_of_an_unknown_instance);
    g_test_add_func("/naming_proxy/deregister", test_deregister_request);
    g_test_add_func("/naming_proxy/beat", test_beat_request);
    g_test_add_func("/naming_proxy/light-beat", test_light_beat_has_no_body);
    g_test_add_func("/naming_proxy/list", test_list_request);
    g_test_add_func("/naming_proxy/own-ip/option", test_own_ip_of_the_configuration_wins);
    g_test_add_func("/naming_proxy/own-ip/route", test_own_ip_is_the_route);
    g_test_add_func("/naming_proxy/own-ip/name", test_name_is_known_after_the_first_request);
    g_test_add_func("/naming_proxy/answer/statuses", test_statuses);
    g_test_add_func("/naming_proxy/answer/clean-line", test_text_is_one_clean_line);
    g_test_add_func("/naming_proxy/answer/short", test_text_is_short);
    g_test_add_func("/naming_proxy/answer/server", test_result_names_the_server);
    g_test_add_func("/naming_proxy/answer/nonsense", test_nonsense_is_no_registration);
    g_test_add_func("/naming_proxy/answer/other-service", test_reply_about_another_service);
    g_test_add_func("/naming_proxy/answer/nonsense-next", test_nonsense_leads_to_the_next_server);
    g_test_add_func("/naming_proxy/answer/500-everywhere", test_500_everywhere_blames_nobody);
    g_test_add_func("/naming_proxy/answer/too-large", test_too_large);
    g_test_add_func("/naming_proxy/fault/reset", test_reset_leads_to_the_next_server);
    g_test_add_func("/naming_proxy/fault/silent", test_silent_server_takes_its_share_only);
    g_test_add_func("/naming_proxy/fault/all-silent", test_all_silent_ends_in_time);
    g_test_add_func("/naming_proxy/fault/retried", test_single_server_is_retried_after_a_reset);
    g_test_add_func("/naming_proxy/fault/retry-succeeds", test_retry_succeeds);
    g_test_add_func("/naming_proxy/fault/single-silent", test_single_silent_server_is_asked_once);
    g_test_add_func("/naming_proxy/fault/nobody-listens", test_nobody_listens);
    g_test_add_func("/naming_proxy/beats/own-connections",
                    test_beats_have_connections_of_their_own);
    g_test_add_func("/naming_proxy/beats/own-time", test_beat_gets_its_own_time);
    g_test_add_func("/naming_proxy/probe/back", test_probe_finds_a_server_that_is_back);
    g_test_add_func("/naming_proxy/probe/answers", test_probe_answers);
    g_test_add_func("/naming_proxy/names/pages", test_services_over_pages);
    g_test_add_func("/naming_proxy/names/count", test_group_count_asks_once);
    g_test_add_func("/naming_proxy/names/unique", test_names_are_unique);
    g_test_add_func("/naming_proxy/names/empty-page", test_listing_ends_at_an_empty_page);
    g_test_add_func("/naming_proxy/names/endless", test_endless_listing_ends_in_time);
    g_test_add_func("/naming_proxy/names/groups", test_groups);
    g_test_add_func("/naming_proxy/names/groups-off", test_groups_switched_off);
    g_test_add_func("/naming_proxy/large/loop", test_large_list_leaves_the_loop_alone);
    g_test_add_func("/naming_proxy/large/next", test_large_nonsense_leads_to_the_next_server);
    g_test_add_func("/naming_proxy/large/nonsense", test_large_nonsense_everywhere);
    g_test_add_func("/naming_proxy/large/deadline", test_large_list_keeps_to_the_deadline);
    g_test_add_func("/naming_proxy/large/cancelled", test_large_list_cancelled);
    g_test_add_func("/naming_proxy/large/freed", test_free_while_a_large_list_is_parsed);
    g_test_add_func("/naming_proxy/cancel/at-once", test_cancel_at_once);
    g_test_add_func("/naming_proxy/cancel/pause", test_cancel_during_the_pause);
    g_test_add_func("/naming_proxy/free/drops", test_free_drops_calls);
    g_test_add_func("/naming_proxy/free/within-done", test_free_within_done);
    g_test_add_func("/naming_proxy/new/senseless", test_configurations_without_sense);
    return g_test_run();
}
