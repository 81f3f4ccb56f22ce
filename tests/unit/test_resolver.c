/* SPDX-License-Identifier: MIT */
#include "naming/resolver.h"

#include "http_stub.h"
#include "naming/http.h"

#include <gio/gio.h>
#include <string.h>

/* --- a DNS that answers when it is told to --------------------------------------------------- */

struct fake_dns {
    GResolver parent;
    GPtrArray *asked; /* GTask, with the name as its data */
};
typedef struct {
    GResolverClass parent;
} FakeDnsClass;
typedef struct fake_dns FakeDns;

static GType fake_dns_get_type(void);
G_DEFINE_TYPE(FakeDns, fake_dns, G_TYPE_RESOLVER)

static void fake_ask(GResolver *resolver, const char *name, GCancellable *gone,
                     GAsyncReadyCallback done, gpointer user_data)
{
    GTask *task = g_task_new(resolver, gone, done, user_data);
    g_task_set_task_data(task, g_strdup(name), g_free);
    g_ptr_array_add(((FakeDns *)resolver)->asked, task);
}

static GList *fake_finish(GResolver *resolver, GAsyncResult *result, GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}

static void fake_finalize(GObject *object)
{
    g_ptr_array_unref(((FakeDns *)object)->asked);
    G_OBJECT_CLASS(fake_dns_parent_class)->finalize(object);
}

static void fake_dns_class_init(FakeDnsClass *class)
{
    class->parent.lookup_by_name_async = fake_ask;
    class->parent.lookup_by_name_finish = fake_finish;
    G_OBJECT_CLASS(class)->finalize = fake_finalize;
}

static void fake_dns_init(FakeDns *dns)
{
    dns->asked = g_ptr_array_new_with_free_func(g_object_unref);
}

static FakeDns *dns_open(void)
{
    FakeDns *dns = g_object_new(fake_dns_get_type(), NULL);
    g_resolver_set_default(G_RESOLVER(dns));
    return dns;
}

/* `addresses`: NULL = there are none. Answers the oldest question. */
static void dns_answer(FakeDns *dns, const char *const *addresses)
{
    GTask *task = g_object_ref(dns->asked->pdata[0]);
    GList *list = NULL;
    g_ptr_array_remove_index(dns->asked, 0);
    for (; addresses != NULL && *addresses != NULL; addresses++)
        list = g_list_append(list, g_inet_address_new_from_string(*addresses));
    if (list != NULL)
        g_task_return_pointer(task, list, (GDestroyNotify)g_resolver_free_addresses);
    else
        g_task_return_new_error(task, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND, "no such name");
    g_object_unref(task);
    http_stub_run(20);
}

/* What resolver.h told. */
struct told {
    guint calls;
    char *why;
};

static void on_ended(const char *host, const char *why, gpointer user_data)
{
    struct told *told = user_data;
    g_assert_cmpstr(host, ==, "nacos.test");
    told->calls++;
    g_free(told->why);
    told->why = g_strdup(why);
}

static const char *const one[] = {"127.0.0.1", NULL};
static const char *const other[] = {"10.0.0.2", "::1", NULL};

/* --- names ------------------------------------------------------------------------------------ */

static void test_one_look_up_of_a_name(void)
{
    FakeDns *dns = dns_open();
    struct told told = {0};
    struct resolver *resolver = resolver_new(on_ended, &told);

    for (guint i = 0; i < 5; i++)
        g_assert_null(resolver_addresses(resolver, "nacos.test"));
    g_assert_cmpuint(dns->asked->len, ==, 1);
    dns_answer(dns, other);
    g_assert_cmpuint(told.calls, ==, 1);
    g_assert_cmpstr(told.why, ==, NULL);
    g_assert_cmpstr(resolver_addresses(resolver, "nacos.test"), ==, "10.0.0.2,::1");
    g_assert_cmpuint(dns->asked->len, ==, 0);
    resolver_free(resolver);
    g_object_unref(dns);
}

static void test_failed_look_up_is_told_and_tried_again(void)
{
    FakeDns *dns = dns_open();
    struct told told = {0};
    struct resolver *resolver = resolver_new(on_ended, &told);

    g_assert_null(resolver_addresses(resolver, "nacos.test"));
    dns_answer(dns, NULL);
    g_assert_cmpstr(told.why, ==, "no such name");
    g_assert_null(resolver_addresses(resolver, "nacos.test"));
    dns_answer(dns, one);
    g_assert_cmpstr(resolver_addresses(resolver, "nacos.test"), ==, "127.0.0.1");
    g_free(told.why);
    resolver_free(resolver);
    g_object_unref(dns);
}

static void test_doubted_address_is_used_until_there_is_another(void)
{
    FakeDns *dns = dns_open();
    struct told told = {0};
    struct resolver *resolver = resolver_new(on_ended, &told);

    resolver_addresses(resolver, "nacos.test");
    dns_answer(dns, one);
    resolver_doubt(resolver, "nacos.test");
    resolver_addresses(resolver, "nacos.test");
    g_assert_cmpuint(dns->asked->len, ==, 0); /* it was asked just now */
    http_stub_run(1050);
    g_assert_cmpstr(resolver_addresses(resolver, "nacos.test"), ==, "127.0.0.1");
    g_assert_cmpuint(dns->asked->len, ==, 1);
    dns_answer(dns, NULL);
    g_assert_cmpstr(resolver_addresses(resolver, "nacos.test"), ==, "127.0.0.1");
    g_assert_cmpstr(told.why, ==, NULL);
    resolver_doubt(resolver, "nacos.test");
    http_stub_run(1050);
    resolver_addresses(resolver, "nacos.test");
    dns_answer(dns, other);
    g_assert_cmpstr(resolver_addresses(resolver, "nacos.test"), ==, "10.0.0.2,::1");
    resolver_free(resolver);
    g_object_unref(dns);
}

static void test_freed_while_a_look_up_hangs(void)
{
    FakeDns *dns = dns_open();
    struct told told = {0};
    struct resolver *resolver = resolver_new(on_ended, &told);

    resolver_addresses(resolver, "nacos.test");
    resolver_free(resolver);
    dns_answer(dns, one);
    g_assert_cmpuint(told.calls, ==, 0);
    g_object_unref(dns);
}

/* --- requests that need one ------------------------------------------------------------------ */

static void say_ok(struct http_stub_connection *connection, const char *request, gpointer unused)
{
    http_stub_reply(connection, 200, "ok");
}

struct ends {
    guint calls, answered, unreachable, timeouts;
    char *text;
};

static void on_done(const struct http_response *response, gpointer user_data)
{
    struct ends *ends = user_data;
    ends->calls++;
    ends->answered += response->failure == HTTP_ANSWERED && response->status == 200;
    ends->unreachable += response->failure == HTTP_UNREACHABLE;
    ends->timeouts += response->failure == HTTP_TIMEOUT;
    g_free(ends->text);
    ends->text = g_strdup(response->text);
}

static struct http *client(void)
{
    const struct http_limits limits = {
        .connect_timeout_ms = 500, .max_response = 1000, .max_connections = 4};
    return http_new(&limits);
}

static void send_ten(struct http *http, guint port, struct ends *ends)
{
    g_autofree char *url = g_strdup_printf("http://nacos.test:%u/x", port);
    for (guint i = 0; i < 10; i++)
        http_send(http, "GET", url, NULL, 700, on_done, ends);
}

static void test_requests_wait_for_the_name(void)
{
    FakeDns *dns = dns_open();
    struct http_stub *stub = http_stub_new(say_ok, NULL);
    struct http *http = client();
    struct ends ends = {0};

    send_ten(http, http_stub_port(stub), &ends);
    http_stub_run(50);
    g_assert_cmpuint(dns->asked->len, ==, 1);
    g_assert_cmpuint(ends.calls, ==, 0);
    dns_answer(dns, one);
    http_stub_run(200);
    g_assert_cmpuint(ends.answered, ==, 10);
    g_free(ends.text);
    http_free(http);
    http_stub_free(stub);
    g_object_unref(dns);
}

static void test_requests_end_when_there_is_no_such_name(void)
{
    FakeDns *dns = dns_open();
    struct http *http = client();
    struct ends ends = {0};

    send_ten(http, 1, &ends);
    dns_answer(dns, NULL);
    g_assert_cmpuint(ends.calls, ==, 10);
    g_assert_cmpuint(ends.unreachable, ==, 10);
    g_assert_cmpstr(ends.text, ==, "no such name");
    g_assert_cmpuint(http_in_flight(http), ==, 0);
    g_free(ends.text);
    http_free(http);
    g_object_unref(dns);
}

static void test_requests_end_in_time_while_a_look_up_hangs(void)
{
    FakeDns *dns = dns_open();
    struct http *http = client();
    struct ends ends = {0};

    send_ten(http, 1, &ends);
    http_stub_run(900);
    g_assert_cmpuint(ends.timeouts, ==, 10);
    send_ten(http, 1, &ends);
    g_assert_cmpuint(dns->asked->len, ==, 1);
    http_free(http);
    dns_answer(dns, one);
    g_free(ends.text);
    g_object_unref(dns);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/resolver/one-look-up-of-a-name", test_one_look_up_of_a_name);
    g_test_add_func("/resolver/failed-is-told-and-tried-again",
                    test_failed_look_up_is_told_and_tried_again);
    g_test_add_func("/resolver/doubted-is-used-until-there-is-another",
                    test_doubted_address_is_used_until_there_is_another);
    g_test_add_func("/resolver/freed-while-a-look-up-hangs", test_freed_while_a_look_up_hangs);
    g_test_add_func("/resolver/requests-wait-for-the-name", test_requests_wait_for_the_name);
    g_test_add_func("/resolver/requests-end-without-such-a-name",
                    test_requests_end_when_there_is_no_such_name);
    g_test_add_func("/resolver/requests-end-in-time",
                    test_requests_end_in_time_while_a_look_up_hangs);
    return g_test_run();
}
