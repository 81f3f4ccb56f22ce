/* SPDX-License-Identifier: MIT */
#include "naming/http.h"

#include "http_stub.h"
#include "naming/http_body.h"

#include <string.h>
#include <zlib.h>

/* What came of one request. */
struct reply {
    gboolean done;
    guint calls;
    enum http_failure failure;
    int status;
    char *body, *text, *peer, *local;
    gsize length;
    gint64 elapsed_us;
};

static void on_done(const struct http_response *response, gpointer user_data)
{
    struct reply *reply = user_data;
    reply->done = TRUE;
    reply->calls++;
    reply->failure = response->failure;
    reply->status = response->status;
    reply->length = response->body_length;
    reply->elapsed_us = response->elapsed_us;
    reply->body = g_strdup(response->body);
    reply->text = g_strdup(response->text);
    reply->peer = g_strdup(response->peer);
    reply->local = g_strdup(response->local);
}

static void reply_clear(struct reply *reply)
{
    g_free(reply->body);
    g_free(reply->text);
    g_free(reply->peer);
    g_free(reply->local);
    *reply = (struct reply){0};
}

/* One server whose script is a function, one client. */
struct bed {
    struct http_stub *stub;
    struct http *http;
    char *url;
    struct reply reply;
    GByteArray *script; /* what say_script sends */
    guint source;       /* a timer of the script; 0 = none */
};

static void bed_open(struct bed *bed, http_stub_fn fn, gsize max_response, guint connections)
{
    struct http_limits limits = {
        .connect_timeout_ms = 500, .max_response = max_response, .max_connections = connections};
    *bed = (struct bed){.stub = http_stub_new(fn, bed), .http = http_new(&limits)};
    bed->url = g_strdup_printf("http://127.0.0.1:%u/nacos/x?a=b", http_stub_port(bed->stub));
    bed->script = g_byte_array_new();
}

static void bed_close(struct bed *bed)
{
    if (bed->source != 0)
        g_source_remove(bed->source);
    http_free(bed->http);
    g_byte_array_unref(bed->script);
    http_stub_free(bed->stub);
    reply_clear(&bed->reply);
    g_free(bed->url);
}

static struct http_request *ask(struct bed *bed, const char *method, const char *form, guint ms)
{
    return http_send(bed->http, method, bed->url, form, ms, on_done, &bed->reply);
}

/* Sends a GET and waits for its end. */
static void get(struct bed *bed, guint timeout_ms)
{
    reply_clear(&bed->reply);
    ask(bed, "GET", NULL, timeout_ms);
    g_assert_false(bed->reply.done);
    http_stub_wait(&bed->reply.done, timeout_ms + 2000);
}

static void say_ok(struct http_stub_connection *connection, const char *request, gpointer unused)
{
    http_stub_reply(connection, 200, "ok");
}

static void say_nothing(struct http_stub_connection *connection, const char *request,
                        gpointer unused)
{
}

static void test_get(void)
{
    struct bed bed;
    bed_open(&bed, say_ok, 1000, 4);
    get(&bed, 2000);
    g_assert_cmpint(bed.reply.failure, ==, HTTP_ANSWERED);
    g_assert_cmpint(bed.reply.status, ==, 200);
    g_assert_cmpstr(bed.reply.body, ==, "ok");
    g_assert_cmpuint(bed.reply.length, ==, 2);
    g_assert_cmpstr(bed.reply.text, ==, "");
    g_assert_cmpstr(bed.reply.peer, ==, "127.0.0.1");
    g_assert_cmpstr(bed.reply.local, ==, "127.0.0.1");
    g_assert_cmpint(bed.reply.elapsed_us, >, 0);
    const char *request = http_stub_log(bed.stub)->pdata[0];
    g_assert_true(g_str_has_prefix(request, "GET /nacos/x?a=b HTTP/1.1\r\n"));
    g_assert_nonnull(strstr(request, "\r\nUser-Agent: Nacos-C-Client:v1.4.8\r\n"));
    g_assert_nonnull(strstr(request, "\r\nAccept-Encoding: gzip\r\n"));
    bed_close(&bed);
}

static void test_methods(void)
{
    static const struct {
        const char *method, *form, *start, *end;
    } cases[] = {
        {"POST", NULL, "POST /nacos/x?a=b ", "\r\n\r\n"},
        {"PUT", "beat=%7B%7D", "PUT /nacos/x?a=b ", "\r\n\r\nbeat=%7B%7D"},
        {"PUT", NULL, "PUT /nacos/x?a=b ", "\r\n\r\n"},
        {"DELETE", NULL, "DELETE /nacos/x?a=b ", "\r\n\r\n"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct bed bed;
        bed_open(&bed, say_ok, 1000, 4);
        ask(&bed, cases[i].method, cases[i].form, 2000);
        http_stub_wait(&bed.reply.done, 4000);
        const char *request = http_stub_log(bed.stub)->pdata[0];
        g_assert_true(g_str_has_prefix(request, cases[i].start));
        g_assert_true(g_str_has_suffix(request, cases[i].end));
        bed_close(&bed);
    }
}

static void test_connection_is_kept(void)
{
    struct bed bed;
    bed_open(&bed, say_ok, 1000, 4);
    for (guint i = 0; i < 5; i++)
        get(&bed, 2000);
    g_assert_cmpuint(http_stub_log(bed.stub)->len, ==, 5);
    g_assert_cmpuint(http_stub_accepted(bed.stub), ==, 1);
    bed_close(&bed);
}

static void say_redirect(struct http_stub_connection *connection, const char *request,
                         gpointer unused)
{
    const char *text = "HTTP/1.1 302 X\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n";
    http_stub_send(connection, text, strlen(text));
}

static void test_redirect_is_not_followed(void)
{
    struct bed bed;
    bed_open(&bed, say_redirect, 1000, 4);
    get(&bed, 2000);
    g_assert_cmpint(bed.reply.failure, ==, HTTP_ANSWERED);
    g_assert_cmpint(bed.reply.status, ==, 302);
    g_assert_cmpuint(http_stub_log(bed.stub)->len, ==, 1);
    bed_close(&bed);
}

static void test_refused(void)
{
    struct bed bed;
    bed_open(&bed, say_ok, 1000, 4);
    g_free(bed.url);
    bed.url = g_strdup_printf("http://127.0.0.1:%u/", http_stub_dead_port());
    get(&bed, 2000);
    g_assert_cmpint(bed.reply.failure, ==, HTTP_UNREACHABLE);
    g_assert_cmpint(bed.reply.status, ==, 0);
    g_assert_cmpstr(bed.reply.text, !=, "");
    bed_close(&bed);
}

static void test_other_protocols_are_refused(void)
{
    struct bed bed;
    bed_open(&bed, say_ok, 1000, 4);
    g_free(bed.url);
    bed.url = g_strdup("file:///etc/hostname");
    get(&bed, 2000);
    g_assert_cmpint(bed.reply.failure, !=, HTTP_ANSWERED);
    g_assert_cmpstr(bed.reply.body, ==, "");
    bed_close(&bed);
}

static void test_silence(void)
{
    struct bed bed;
    bed_open(&bed, say_nothing, 1000, 4);
    get(&bed, 200);
    g_assert_cmpint(bed.reply.failure, ==, HTTP_TIMEOUT);
    g_assert_cmpint(bed.reply.elapsed_us, >=, 200 * 1000);
    g_assert_cmpint(bed.reply.elapsed_us, <, 5000 * 1000);
    g_assert_cmpuint(http_in_flight(bed.http), ==, 0);
    bed_close(&bed);
}

static gboolean drip(gpointer data)
{
    http_stub_send(data, "x", 1);
    return G_SOURCE_CONTINUE;
}

static void say_drip(struct http_stub_connection *connection, const char *request, gpointer data)
{
    struct bed *bed = data;
    const char *text = "HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n";
    http_stub_send(connection, text, strlen(text));
    bed->source = g_timeout_add(20, drip, connection);
}

static void test_drip_is_cut(void)
{
    struct bed bed;
    bed_open(&bed, say_drip, 1000000, 4);
    get(&bed, 300);
    g_assert_cmpint(bed.reply.failure, ==, HTTP_TIMEOUT);
    g_assert_cmpint(bed.reply.elapsed_us, <, 5000 * 1000);
    g_assert_cmpstr(bed.reply.body, ==, "");
    bed_close(&bed);
}

static void say_script(struct http_stub_connection *connection, const char *request, gpointer data)
{
    struct bed *bed = data;
    http_stub_send(connection, bed->script->data, bed->script->len);
    http_stub_close(connection);
}

static void bed_script(struct bed *bed, const char *text)
{
    g_byte_array_append(bed->script, (const guint8 *)text, (guint)strlen(text));
}

/* Replies that are no whole, sound reply: never HTTP_ANSWERED. */
static void test_broken_replies(void)
{
    static const struct {
        const char *text;
        enum http_failure failure;
    } cases[] = {
        {"", HTTP_UNREACHABLE},
        {"HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\nabc", HTTP_UNREACHABLE},
        {"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", HTTP_UNREACHABLE},
        {"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
         HTTP_UNREACHABLE},
        {"HTTP/1.1 200 X\r\nContent-Length: -5\r\n\r\nabc", HTTP_GARBAGE},
        {"HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", HTTP_GARBAGE},
        {"SSH-2.0-OpenSSH_9.2\r\n", HTTP_GARBAGE},
        {"<html></html>", HTTP_GARBAGE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct bed bed;
        bed_open(&bed, say_script, 1000, 4);
        bed_script(&bed, cases[i].text);
        get(&bed, 1000);
        g_test_message("case %u: %s", i, bed.reply.text);
        g_assert_cmpint(bed.reply.failure, ==, cases[i].failure);
        g_assert_cmpint(bed.reply.status, ==, 0);
        g_assert_cmpstr(bed.reply.body, ==, "");
        g_assert_cmpstr(bed.reply.text, !=, "");
        bed_close(&bed);
    }
}

static void say_reset(struct http_stub_connection *connection, const char *request, gpointer unused)
{
    http_stub_reset(connection);
}

static void test_reset(void)
{
    struct bed bed;
    bed_open(&bed, say_reset, 1000, 4);
    get(&bed, 1000);
    g_assert_cmpint(bed.reply.failure, ==, HTTP_UNREACHABLE);
    bed_close(&bed);
}

/* A reply with `length` bytes of 'x', packed. */
static void script_gzip(struct bed *bed, gsize length)
{
    z_stream stream = {0};
    g_autofree guint8 *plain = g_malloc(length);
    memset(plain, 'x', length);
    g_assert_cmpint(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), ==, Z_OK);
    gsize room = deflateBound(&stream, length);
    g_autofree guint8 *packed = g_malloc(room);
    stream.next_in = plain;
    stream.avail_in = (guint)length;
    stream.next_out = packed;
    stream.avail_out = (guint)room;
    g_assert_cmpint(deflate(&stream, Z_FINISH), ==, Z_STREAM_END);
    gsize n = stream.total_out;
    deflateEnd(&stream);
    g_autofree char *head = g_strdup_printf(
        "HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", n);
    bed_script(bed, head);
    g_byte_array_append(bed->script, packed, (guint)n);
}

static void test_gzip(void)
{
    struct bed bed;
    bed_open(&bed, say_script, 100000, 4);
    script_gzip(&bed, 100000);
    get(&bed, 2000);
    g_assert_cmpint(bed.reply.failure, ==, HTTP_ANSWERED);
    g_assert_cmpuint(bed.reply.length, ==, 100000);
    bed_close(&bed);
}

static void test_gzip_bomb_is_cut(void)
{
    struct bed bed;
    bed_open(&bed, say_script, 99999, 4);
    script_gzip(&bed, 16 * 1024 * 1024);
    get(&bed, 2000);
    g_assert_cmpint(bed.reply.failure, ==, HTTP_TOO_LARGE);
    g_assert_cmpuint(bed.reply.length, ==, 0);
    g_assert_nonnull(strstr(bed.reply.text, "99999"));
    bed_close(&bed);
}

static void test_plain_body_limit(void)
{
    for (gsize length = 99; length <= 101; length++) {
        struct bed bed;
        bed_open(&bed, say_script, 100, 4);
        g_autofree char *body = g_strnfill(length, 'x');
        bed_script(&bed, "HTTP/1.1 200 X\r\n\r\n"); /* to the end of the connection */
        bed_script(&bed, body);
        get(&bed, 2000);
        g_assert_cmpint(bed.reply.failure, ==, length <= 100 ? HTTP_ANSWERED : HTTP_TOO_LARGE);
        bed_close(&bed);
    }
}

static void test_cancel(void)
{
    struct bed bed;
    bed_open(&bed, say_ok, 1000, 4);
    http_cancel(ask(&bed, "GET", NULL, 2000));
    struct http_request *request = ask(&bed, "GET", NULL, 2000);
    while (http_stub_log(bed.stub)->len == 0)
        g_main_context_iteration(NULL, TRUE);
    http_cancel(request);
    http_stub_run(50);
    g_assert_cmpuint(bed.reply.calls, ==, 0);
    g_assert_cmpuint(http_in_flight(bed.http), ==, 0);
    bed_close(&bed);
}

static void test_free_drops_requests(void)
{
    struct bed bed;
    bed_open(&bed, say_nothing, 1000, 1);
    ask(&bed, "GET", NULL, 2000);
    ask(&bed, "GET", NULL, 2000); /* waits for the connection */
    http_stub_run(20);
    g_assert_cmpuint(http_in_flight(bed.http), ==, 2);
    g_clear_pointer(&bed.http, http_free);
    http_stub_run(20);
    g_assert_cmpuint(bed.reply.calls, ==, 0);
    bed_close(&bed);
}

static void test_waiting_has_its_clock_running(void)
{
    struct bed bed;
    struct reply second = {0};
    bed_open(&bed, say_nothing, 1000, 1);
    ask(&bed, "GET", NULL, 600);
    http_send(bed.http, "GET", bed.url, NULL, 200, on_done, &second);
    http_stub_wait(&second.done, 2000);
    g_assert_false(bed.reply.done);
    g_assert_cmpint(second.failure, ==, HTTP_BUSY);
    g_assert_cmpuint(http_stub_log(bed.stub)->len, ==, 1);
    http_stub_wait(&bed.reply.done, 2000);
    reply_clear(&second);
    bed_close(&bed);
}

/* One server that hangs takes all of its own connections and nobody else's. */
static void test_hanging_server_is_in_nobodys_way(void)
{
    struct bed bed;
    struct reply hung = {0};
    struct http_stub *other = http_stub_new(say_ok, NULL);
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u/x", http_stub_port(other));
    bed_open(&bed, say_nothing, 1000, 2);
    for (guint i = 0; i < 20; i++)
        http_send(bed.http, "GET", bed.url, NULL, 5000, on_done, &hung);
    http_send(bed.http, "GET", url, NULL, 3000, on_done, &bed.reply);
    http_stub_wait(&bed.reply.done, 4000);
    g_assert_cmpint(bed.reply.failure, ==, HTTP_ANSWERED);
    g_assert_false(hung.done);
    http_stub_free(other);
    bed_close(&bed);
}

static void test_limit_of_connections(void)
{
    struct bed bed;
    struct reply replies[20] = {0};
    bed_open(&bed, say_ok, 1000, 3);
    for (guint i = 0; i < G_N_ELEMENTS(replies); i++)
        http_send(bed.http, "GET", bed.url, NULL, 3000, on_done, &replies[i]);
    for (guint i = 0; i < G_N_ELEMENTS(replies); i++) {
        http_stub_wait(&replies[i].done, 4000);
        g_assert_cmpint(replies[i].failure, ==, HTTP_ANSWERED);
        g_assert_cmpuint(replies[i].calls, ==, 1);
        reply_clear(&replies[i]);
    }
    g_assert_cmpuint(http_stub_accepted(bed.stub), <=, 3);
    bed_close(&bed);
}

/* What a `done` may do: cancel another request that has ended, too, send one, free everything. */
struct upheaval {
    struct bed *bed;
    struct http_request *other;
    guint calls;
    gboolean done;
};

static void on_done_cancel(const struct http_response *response, gpointer user_data)
{
    struct upheaval *upheaval = user_data;
    upheaval->calls++;
    upheaval->done = TRUE;
    g_clear_pointer(&upheaval->other, http_cancel);
}

static void test_cancel_within_done(void)
{
    struct bed bed;
    bed_open(&bed, say_nothing, 1000, 4);
    struct upheaval upheaval = {.bed = &bed};
    http_send(bed.http, "GET", bed.url, NULL, 100, on_done_cancel, &upheaval);
    upheaval.other = http_send(bed.http, "GET", bed.url, NULL, 100, on_done_cancel, &upheaval);
    http_stub_wait(&upheaval.done, 2000);
    http_stub_run(150);
    g_assert_cmpuint(upheaval.calls, ==, 1);
    bed_close(&bed);
}

static void on_done_send(const struct http_response *response, gpointer user_data)
{
    ask(user_data, "GET", NULL, 1000);
}

static void test_send_within_done(void)
{
    struct bed bed;
    bed_open(&bed, say_ok, 1000, 1);
    http_send(bed.http, "GET", bed.url, NULL, 1000, on_done_send, &bed);
    http_stub_wait(&bed.reply.done, 2000);
    g_assert_cmpint(bed.reply.failure, ==, HTTP_ANSWERED);
    bed_close(&bed);
}

static void on_done_free(const struct http_response *response, gpointer user_data)
{
    struct upheaval *upheaval = user_data;
    g_clear_pointer(&upheaval->bed->http, http_free);
    g_assert_cmpstr(response->body, ==, "ok");
    upheaval->calls++;
    upheaval->done = TRUE;
}

static void test_free_within_done(void)
{
    struct bed bed;
    bed_open(&bed, say_ok, 1000, 4);
    struct upheaval upheaval = {.bed = &bed};
    for (guint i = 0; i < 6; i++)
        http_send(bed.http, "GET", bed.url, NULL, 1000, on_done_free, &upheaval);
    http_stub_wait(&upheaval.done, 2000);
    http_stub_run(50);
    g_assert_cmpuint(upheaval.calls, ==, 1);
    bed_close(&bed);
}

static void on_done_free_late(const struct http_response *response, gpointer user_data)
{
    struct upheaval *upheaval = user_data;
    g_clear_pointer(&upheaval->bed->http, http_free);
    upheaval->done = TRUE;
}

static void test_free_within_timeout(void)
{
    struct bed bed;
    bed_open(&bed, say_nothing, 1000, 4);
    struct upheaval upheaval = {.bed = &bed};
    for (guint i = 0; i < 3; i++)
        http_send(bed.http, "GET", bed.url, NULL, 50, on_done_free_late, &upheaval);
    http_stub_wait(&upheaval.done, 2000);
    http_stub_run(50);
    bed_close(&bed);
}

static void test_own_context(void)
{
    GMainContext *context = g_main_context_new();
    g_main_context_push_thread_default(context);
    struct http_limits limits = {
        .connect_timeout_ms = 500, .max_response = 9, .max_connections = 1};
    struct http *http = http_new(&limits);
    g_main_context_pop_thread_default(context);
    struct reply reply = {0};
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u/", http_stub_dead_port());
    http_send(http, "GET", url, NULL, 1000, on_done, &reply);
    http_stub_run(50);
    g_assert_false(reply.done);
    while (!reply.done)
        g_main_context_iteration(context, TRUE);
    http_free(http);
    reply_clear(&reply);
    g_main_context_unref(context);
}

static void test_form(void)
{
    g_autoptr(GString) form = g_string_new(NULL);
    http_form_add(form, "a", "");
    http_form_add(form, "b", "x y&z=1%\r\n\xc3\xa9+~-._/@");
    http_form_add(form, "c", "\xff");
    g_assert_cmpstr(form->str, ==, "a=&b=x%20y%26z%3D1%25%0D%0A%C3%A9%2B~-._%2F%40&c=%FF");
}

static void test_body_limit(void)
{
    struct http_body body = {.limit = 5};
    g_assert_true(http_body_append(&body, "abc", 3));
    g_assert_true(http_body_append(&body, "", 0));
    g_assert_true(http_body_append(&body, "de", 2));
    g_assert_cmpstr(body.data, ==, "abcde");
    g_assert_false(body.overflow);
    g_assert_false(http_body_append(&body, "f", 1));
    g_assert_true(body.overflow);
    g_assert_cmpuint(body.length, ==, 5);
    http_body_clear(&body);
    g_assert_null(body.data);
}

static void test_large_bodies_share_their_room(void)
{
    enum { MIB = 1024 * 1024 };
    struct http_room room = {.most = 6 * MIB};
    struct http_body one = {.limit = 8 * MIB, .large = &room}, other = one, small = one;
    g_autofree char *data = g_malloc0(3 * MIB);
    g_assert_true(http_body_append(&one, data, 3 * MIB));
    g_assert_false(http_body_append(&other, data, 3 * MIB));
    g_assert_true(other.crowded);
    g_assert_false(other.overflow);
    g_assert_true(http_body_append(&small, data, MIB / 2));
    http_body_clear(&one);
    http_body_clear(&other);
    g_assert_cmpuint(room.used, ==, 0);
    g_assert_true(http_body_append(&other, data, 3 * MIB));
    http_body_clear(&other);
    http_body_clear(&small);
    g_assert_cmpuint(room.used, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/http/get", test_get);
    g_test_add_func("/http/methods", test_methods);
    g_test_add_func("/http/connection-is-kept", test_connection_is_kept);
    g_test_add_func("/http/redirect", test_redirect_is_not_followed);
    g_test_add_func("/http/refused", test_refused);
    g_test_add_func("/http/other-protocols", test_other_protocols_are_refused);
    g_test_add_func("/http/silence", test_silence);
    g_test_add_func("/http/drip", test_drip_is_cut);
    g_test_add_func("/http/broken-replies", test_broken_replies);
    g_test_add_func("/http/reset", test_reset);
    g_test_add_func("/http/gzip", test_gzip);
    g_test_add_func("/http/gzip-bomb", test_gzip_bomb_is_cut);
    g_test_add_func("/http/plain-body-limit", test_plain_body_limit);
    g_test_add_func("/http/large-bodies-share-their-room", test_large_bodies_share_their_room);
    g_test_add_func("/http/cancel", test_cancel);
    g_test_add_func("/http/free-drops-requests", test_free_drops_requests);
    g_test_add_func("/http/waiting-clock", test_waiting_has_its_clock_running);
    g_test_add_func("/http/hanging-server", test_hanging_server_is_in_nobodys_way);
    g_test_add_func("/http/connections", test_limit_of_connections);
    g_test_add_func("/http/cancel-within-done", test_cancel_within_done);
    g_test_add_func("/http/send-within-done", test_send_within_done);
    g_test_add_func("/http/free-within-done", test_free_within_done);
    g_test_add_func("/http/free-within-timeout", test_free_within_timeout);
    g_test_add_func("/http/own-context", test_own_context);
    g_test_add_func("/http/form", test_form);
    g_test_add_func("/http/body-limit", test_body_limit);
    return g_test_run();
}
