/* SPDX-License-Identifier: MIT
 *
 * Which list is served: the servers' word, the disk cache, the failover, the protection against
 * empty lists.
 */
#include "fake_proxy.h"
#include "naming/files.h"
#include "naming/host_reactor.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS 1000
#define SEC (1000 * MS)
#define T0 1795354611990 /* ms; a server's clock */

static const guint none[] = {0};
static const guint one[] = {1, 0};
static const guint two[] = {1, 2, 0};
static const guint three[] = {7, 8, 9, 0};

struct fixture {
    struct timers *timers;
    struct naming_proxy *proxy;
    struct files files;
    struct host_reactor *reactor;
    struct service_key *key;
    char *dir;
    GString *told; /* "1>2;" = a list of one became one of two; "-" = none before */
    guint troubles;
    guint calls; /* answers to naming_wait and its kin */
    enum naming_status status;
    guint hosts; /* of the last; G_MAXUINT = none */
};

static void on_changed(const struct service_key *key, struct service_info *old,
                       struct service_info *info, gpointer user_data)
{
    struct fixture *f = user_data;

    g_assert_true(host_reactor_current(f->reactor, key) == info);
    if (old == NULL)
        g_string_append_printf(f->told, "->%u;", info->n_hosts);
    else
        g_string_append_printf(f->told, "%u>%u;", old->n_hosts, info->n_hosts);
}

static void on_trouble(const char *path, const struct naming_result *result, gpointer user_data)
{
    struct fixture *f = user_data;

    f->troubles++;
}

static void on_switched(gpointer user_data)
{
    struct fixture *f = user_data;

    host_reactor_switched(f->reactor);
}

static void on_list(const struct naming_result *result, struct service_info *info,
                    gpointer user_data)
{
    struct fixture *f = user_data;

    f->calls++;
    f->status = result->status;
    f->hosts = info == NULL ? G_MAXUINT : info->n_hosts;
}

static void open_reactor(struct fixture *f, const struct naming_config *config)
{
    const struct files_config files = {.proxy = f->proxy,
                                       .timers = f->timers,
                                       .trouble = {on_trouble, f},
                                       .switched = on_switched,
                                       .user_data = f};

    files_open(&f->files, &files, config);
    const struct host_reactor_config reactor = {
        .proxy = f->proxy,
        .timers = f->timers,
        .timeout_ms = 3000,
        .clusters = "",
        .changed = on_changed,
        .user_data = f,
        .trouble = {on_trouble, f},
        .disk = f->files.disk,
        .failover = f->files.failover,
        .patience = &f->files.patience,
        .load_at_start = config->load_cache_at_start,
        .empty_protection = config->empty_protection,
    };
    f->reactor = host_reactor_new(&reactor);
}

static void set_up(struct fixture *f, gconstpointer config)
{
    struct naming_config own = {.clusters = ""};

    if (config != NULL)
        own = *(const struct naming_config *)config;
    f->dir = g_dir_make_tmp("files.XXXXXX", NULL);
    own.cache_dir = f->dir;
    f->timers = timers_new_manual();
    f->proxy = fake_proxy_new(f->timers);
    f->key = service_key_new("G", "svc");
    f->told = g_string_new(NULL);
    open_reactor(f, &own);
}

static void tear_down(struct fixture *f, gconstpointer config)
{
    g_autofree char *command = g_strdup_printf("rm -rf '%s' '%sfailover'*", f->dir, f->dir);

    host_reactor_free(f->reactor);
    files_close(&f->files);
    fake_proxy_free(f->proxy);
    timers_free(f->timers);
    service_key_free(f->key);
    g_string_free(f->told, TRUE);
    g_assert_cmpint(system(command), ==, 0);
    g_free(f->dir);
}

static void put(const struct fixture *f, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(f->dir, name, NULL);
    g_autofree char *dir = g_path_get_dirname(path);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void put_list(const struct fixture *f, const char *name, const guint *hosts)
{
    g_autoptr(service_info) info = fake_info(f->key, T0, hosts);
    g_autoptr(GBytes) bytes = disk_list_render(info);
    g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));

    put(f, name, text);
}

static void answer(struct fixture *f, const guint *hosts)
{
    for (int i = 0; i < 70000 && fake_waiting(f->proxy, FAKE_LIST) == NULL; i++)
        timers_advance(f->timers, MS);
    fake_answer_list(fake_waiting(f->proxy, FAKE_LIST), fake_info(f->key, T0, hosts));
    timers_advance(f->timers, 0);
}

static void fail(struct fixture *f, enum naming_status status)
{
    fake_answer(fake_waiting(f->proxy, FAKE_LIST), status);
    timers_advance(f->timers, 0);
}

static void check_told(struct fixture *f, const char *expected)
{
    g_assert_cmpstr(f->told->str, ==, expected);
    g_string_truncate(f->told, 0);
}

static void check_fresh(struct fixture *f, const char *source, gboolean stale)
{
    struct naming_freshness freshness;

    g_assert_true(host_reactor_freshness(f->reactor, f->key, &freshness));
    g_assert_cmpstr(freshness.source, ==, source);
    g_assert_cmpint(freshness.stale, ==, stale);
}

/* --- the disk cache --------------------------------------------------------------------------- */

static void test_disk_after_failure(struct fixture *f, gconstpointer config)
{
    put_list(f, "G%40%40svc", two);
    host_reactor_subscribe(f->reactor, f->key);
    host_reactor_wait(f->reactor, f->key, on_list, f);
    fail(f, NAMING_UNREACHABLE);
    g_assert_cmpint(f->status, ==, NAMING_UNREACHABLE); /* why, and what there is all the same */
    g_assert_cmpuint(f->hosts, ==, 2);
    check_told(f, "->2;");
    check_fresh(f, "disk", TRUE);
    answer(f, one); /* a server is back */
    check_told(f, "2>1;");
    check_fresh(f, "server", FALSE);
}

static void test_nothing_on_the_disk(struct fixture *f, gconstpointer config)
{
    host_reactor_subscribe(f->reactor, f->key);
    host_reactor_wait(f->reactor, f->key, on_list, f);
    fail(f, NAMING_UNREACHABLE);
    g_assert_cmpint(f->status, ==, NAMING_UNREACHABLE);
    g_assert_cmpuint(f->hosts, ==, G_MAXUINT);
}

static void test_refusal_is_no_outage(struct fixture *f, gconstpointer config)
{
    put_list(f, "G%40%40svc", two);
    host_reactor_subscribe(f->reactor, f->key);
    host_reactor_wait(f->reactor, f->key, on_list, f);
    fail(f, NAMING_DENIED);
    g_assert_cmpint(f->status, ==, NAMING_DENIED);
    g_assert_cmpuint(f->hosts, ==, G_MAXUINT);
}

static void test_broken_file_is_told(struct fixture *f, gconstpointer config)
{
    put(f, "G%40%40svc", "{\"name\":\"G@@svc\",\"hosts\":[");
    host_reactor_subscribe(f->reactor, f->key);
    host_reactor_wait(f->reactor, f->key, on_list, f);
    fail(f, NAMING_UNREACHABLE);
    g_assert_cmpuint(f->hosts, ==, G_MAXUINT);
    g_assert_cmpuint(f->troubles, ==, 1);
}

/* No server has ever answered: half a second is enough. */
static void test_silent_servers(struct fixture *f, gconstpointer config)
{
    put_list(f, "G%40%40svc", two);
    host_reactor_subscribe(f->reactor, f->key);
    host_reactor_wait(f->reactor, f->key, on_list, f);
    timers_advance(f->timers, 400 * MS);
    g_assert_cmpuint(f->calls, ==, 0);
    timers_advance(f->timers, 200 * MS);
    g_assert_cmpuint(f->calls, ==, 1);
    g_assert_cmpuint(f->hosts, ==, 2);
    check_fresh(f, "disk", TRUE);
    answer(f, two); /* the same list: confirmed, no event */
    check_told(f, "->2;");
    check_fresh(f, "server", FALSE);
}

static void test_answer_in_time_needs_no_disk(struct fixture *f, gconstpointer config)
{
    put_list(f, "G%40%40svc", two);
    host_reactor_subscribe(f->reactor, f->key);
    answer(f, one);
    timers_advance(f->timers, 900 * MS);
    check_told(f, "->1;");
    check_fresh(f, "server", FALSE);
}

static const struct naming_config at_start = {.clusters = "", .load_cache_at_start = TRUE};

static void test_load_at_start(struct fixture *f, gconstpointer config)
{
    put_list(f, "G%40%40svc", two);
    host_reactor_subscribe(f->reactor, f->key);
    host_reactor_wait(f->reactor, f->key, on_list, f);
    timers_advance(f->timers, MS);
    g_assert_cmpint(f->status, ==, NAMING_OK);
    g_assert_cmpuint(f->hosts, ==, 2);
    check_fresh(f, "disk", TRUE);
    answer(f, two);
    check_fresh(f, "server", FALSE);
    check_told(f, "->2;");
}

static void test_plain_list_falls_back(struct fixture *f, gconstpointer config)
{
    put_list(f, "G%40%40svc", two);
    fallbacks_list(f->files.fallbacks, f->key, on_list, f);
    fail(f, NAMING_TIMEOUT);
    g_assert_cmpint(f->status, ==, NAMING_TIMEOUT);
    g_assert_cmpuint(f->hosts, ==, 2);
}

static void on_names(const struct naming_result *result, const char *const *names,
                     gpointer user_data)
{
    struct fixture *f = user_data;

    f->calls++;
    f->status = result->status;
    f->hosts = names == NULL ? G_MAXUINT : g_strv_length((GStrv)names);
}

/* A question that the disk has answered goes on: its answer teaches that the server lives. */
static void test_names_of_the_disk(struct fixture *f, gconstpointer config)
{
    put_list(f, "G%40%40svc", two);
    put_list(f, "G%40%40other", two);
    put_list(f, "H%40%40x", two);
    fallbacks_services(f->files.fallbacks, "G", on_names, f);
    timers_advance(f->timers, SEC);
    g_assert_cmpuint(f->calls, ==, 1);
    g_assert_cmpuint(f->hosts, ==, 2);
    g_assert_nonnull(fake_waiting(f->proxy, FAKE_SERVICES));
    fallbacks_services(f->files.fallbacks, "nobody", on_names, f);
    timers_advance(f->timers, SEC);
    g_assert_cmpuint(f->calls, ==, 1); /* nothing to tell yet */
}

/* --- the failover ----------------------------------------------------------------------------- */

static void test_failover_on_and_off(struct fixture *f, gconstpointer config)
{
    put_list(f, "failover/G%40%40svc", three);
    host_reactor_subscribe(f->reactor, f->key);
    answer(f, one);
    check_told(f, "->1;");
    put(f, "failover/" FAILOVER_SWITCH, "1");
    timers_advance(f->timers, 3 * SEC);
    check_told(f, "1>3;");
    check_fresh(f, "failover", FALSE);
    answer(f, two); /* goes on, unseen */
    check_told(f, "");
    put(f, "failover/" FAILOVER_SWITCH, "0");
    timers_advance(f->timers, 3 * SEC);
    check_told(f, "3>2;");
    check_fresh(f, "server", FALSE);
}

/* 1.4 looks beside the directory and knows no encoded names. */
static void test_failover_of_1_4(struct fixture *f, gconstpointer config)
{
    put_list(f, "failover/G@@svc", three);
    put(f, "failover" FAILOVER_SWITCH, "1\n");
    host_reactor_subscribe(f->reactor, f->key);
    answer(f, one);
    timers_advance(f->timers, 3 * SEC);
    g_assert_cmpuint(host_reactor_current(f->reactor, f->key)->n_hosts, ==, 3);
}

static void test_service_without_failover_file(struct fixture *f, gconstpointer config)
{
    put_list(f, "failover/G%40%40other", three);
    put(f, "failover/" FAILOVER_SWITCH, "1");
    timers_advance(f->timers, 3 * SEC);
    host_reactor_subscribe(f->reactor, f->key);
    answer(f, one);
    check_told(f, "->1;");
    check_fresh(f, "server", FALSE);
}

static void test_failover_file_without_hosts(struct fixture *f, gconstpointer config)
{
    put_list(f, "failover/G%40%40svc", none);
    put(f, "failover/" FAILOVER_SWITCH, "1");
    timers_advance(f->timers, 3 * SEC);
    host_reactor_subscribe(f->reactor, f->key);
    answer(f, one);
    timers_advance(f->timers, SEC);
    check_told(f, "->1;");
}

/* No server at all: what the failover said stays, as the last known. */
static void test_failover_off_without_servers(struct fixture *f, gconstpointer config)
{
    put_list(f, "failover/G%40%40svc", three);
    g_assert_cmpint(failover_reactor_set(f->files.failover, TRUE), ==, 0);
    host_reactor_subscribe(f->reactor, f->key);
    timers_advance(f->timers, MS);
    check_told(f, "->3;");
    g_assert_cmpint(failover_reactor_set(f->files.failover, FALSE), ==, 0);
    timers_advance(f->timers, MS);
    check_told(f, "");
    check_fresh(f, "failover", TRUE);
    answer(f, one);
    check_told(f, "3>1;");
}

static void check_switch(struct fixture *f, const char *text, gboolean on)
{
    put(f, "failover/" FAILOVER_SWITCH, text);
    timers_advance(f->timers, 5 * SEC);
    g_assert_cmpint(failover_reactor_is_on(f->files.failover), ==, on);
}

static void test_switch(struct fixture *f, gconstpointer config)
{
    g_autofree char *path = g_build_filename(f->dir, "failover", FAILOVER_SWITCH, NULL);

    g_assert_false(failover_reactor_is_on(f->files.failover));
    check_switch(f, "garbage", FALSE);
    check_switch(f, "\n 1 \r\n", TRUE);
    check_switch(f, "garbage", TRUE); /* neither: as it was */
    check_switch(f, "", FALSE);
    check_switch(f, "1", TRUE);
    check_switch(f, "0\n1\n", FALSE);
    check_switch(f, "1", TRUE);
    unlink(path);
    timers_advance(f->timers, 5 * SEC);
    g_assert_false(failover_reactor_is_on(f->files.failover));
}

/* The newer of the two counts, and both are written. */
static void test_switch_in_both_places(struct fixture *f, gconstpointer config)
{
    g_autofree char *inside = g_build_filename(f->dir, "failover", FAILOVER_SWITCH, NULL);
    g_autofree char *beside = g_build_filename(f->dir, "failover" FAILOVER_SWITCH, NULL);
    g_autofree char *text_inside = NULL;
    g_autofree char *text_beside = NULL;

    put(f, "failover/" FAILOVER_SWITCH, "0");
    g_usleep(20 * MS); /* more than a tick of the file system's clock */
    put(f, "failover" FAILOVER_SWITCH, "1");
    timers_advance(f->timers, 5 * SEC);
    g_assert_true(failover_reactor_is_on(f->files.failover));
    g_usleep(20 * MS);
    g_assert_cmpint(failover_reactor_set(f->files.failover, FALSE), ==, 0);
    g_assert_false(failover_reactor_is_on(f->files.failover));
    g_assert_true(g_file_get_contents(inside, &text_inside, NULL, NULL));
    g_assert_true(g_file_get_contents(beside, &text_beside, NULL, NULL));
    g_assert_cmpstr(text_inside, ==, "0\n");
    g_assert_cmpstr(text_beside, ==, "0\n");
}

/* --- protection ------------------------------------------------------------------------------- */

static const struct naming_config protected = {.clusters = "", .empty_protection = TRUE};

static void test_empty_list_is_held_back(struct fixture *f, gconstpointer config)
{
    struct naming_freshness freshness;

    host_reactor_subscribe(f->reactor, f->key);
    answer(f, two);
    answer(f, none);
    answer(f, none);
    check_told(f, "->2;");
    g_assert_cmpuint(f->troubles, ==, 1); /* told once */
    check_fresh(f, "server", TRUE);
    g_assert_true(host_reactor_freshness(f->reactor, f->key, &freshness));
    g_assert_true(freshness.held_back);
    answer(f, one);
    check_told(f, "2>1;");
    check_fresh(f, "server", FALSE);
}

static void test_list_of_an_earlier_client_is_protected(struct fixture *f, gconstpointer config)
{
    g_autoptr(service_info) held = fake_info(f->key, T0, two);
    struct naming_freshness freshness;

    host_reactor_subscribe(f->reactor, f->key);
    host_reactor_hold(f->reactor, f->key, held, 1234);
    check_fresh(f, "server", TRUE);
    g_assert_true(host_reactor_freshness(f->reactor, f->key, &freshness));
    g_assert_cmpint(freshness.confirmed, ==, 1234);
    answer(f, none);
    check_told(f, "");
    g_assert_cmpuint(f->troubles, ==, 1);
    answer(f, one);
    check_told(f, "2>1;");
    host_reactor_hold(f->reactor, f->key, held, 1234); /* it has its own by now */
    check_fresh(f, "server", FALSE);
}

static void test_empty_list_counts_without(struct fixture *f, gconstpointer config)
{
    host_reactor_subscribe(f->reactor, f->key);
    answer(f, two);
    answer(f, none);
    check_told(f, "->2;2>0;");
}

#define add(path, config, fn) g_test_add(path, struct fixture, config, set_up, fn, tear_down)

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    add("/files/disk-after-failure", NULL, test_disk_after_failure);
    add("/files/nothing-on-the-disk", NULL, test_nothing_on_the_disk);
    add("/files/refusal-is-no-outage", NULL, test_refusal_is_no_outage);
    add("/files/broken-file-is-told", NULL, test_broken_file_is_told);
    add("/files/silent-servers", NULL, test_silent_servers);
    add("/files/answer-in-time-needs-no-disk", NULL, test_answer_in_time_needs_no_disk);
    add("/files/load-at-start", &at_start, test_load_at_start);
    add("/files/plain-list-falls-back", NULL, test_plain_list_falls_back);
    add("/files/names-of-the-disk", NULL, test_names_of_the_disk);
    add("/files/failover-on-and-off", NULL, test_failover_on_and_off);
    add("/files/failover-of-1.4", NULL, test_failover_of_1_4);
    add("/files/service-without-failover-file", NULL, test_service_without_failover_file);
    add("/files/failover-file-without-hosts", NULL, test_failover_file_without_hosts);
    add("/files/failover-off-without-servers", NULL, test_failover_off_without_servers);
    add("/files/switch", NULL, test_switch);
    add("/files/switch-in-both-places", NULL, test_switch_in_both_places);
    add("/files/empty-list-is-held-back", &protected, test_empty_list_is_held_back);
    add("/files/list-of-an-earlier-client", &protected,
        test_list_of_an_earlier_client_is_protected);
    add("/files/empty-list-counts-without", NULL, test_empty_list_counts_without);
    return g_test_run();
}
