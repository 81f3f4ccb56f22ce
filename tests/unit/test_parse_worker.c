/* SPDX-License-Identifier: MIT */
#include "naming/parse_worker.h"

#include "large_list.h"

#include <string.h>

#define HOSTS 20000 /* 3 MB */
#define WAIT_MS 20000
#define GAP_MAX_US (100 * 1000)
#define TRIES 20

struct ended {
    guint calls;
    struct service_info *info;
    char *why;
    struct parse_worker **free_it;
};

struct bed {
    struct parse_worker *worker;
    struct service_key *key;
};

static void bed_open(struct bed *bed)
{
    bed->worker = parse_worker_new();
    bed->key = service_key_new("G", "svc");
}

static void bed_close(struct bed *bed)
{
    g_clear_pointer(&bed->worker, parse_worker_free);
    service_key_free(bed->key);
}

static void ended_clear(struct ended *ended)
{
    service_info_unref(ended->info);
    g_free(ended->why);
}

static void on_parsed(struct service_info *info, const char *why, gpointer user_data)
{
    struct ended *ended = user_data;
    ended->calls++;
    ended->info = info;
    ended->why = g_strdup(why);
    if (ended->free_it != NULL)
        g_clear_pointer(ended->free_it, parse_worker_free);
}

static void never(struct service_info *info, const char *why, gpointer user_data)
{
    g_assert_not_reached();
}

static struct parse_job *add(struct bed *bed, guint hosts, parse_done_fn done, gpointer user_data)
{
    char *text = large_list(hosts);
    return parse_worker_add(bed->worker, text, strlen(text), bed->key, done, user_data);
}

static gboolean wake(gpointer unused)
{
    return G_SOURCE_CONTINUE;
}

static void wait_for(const struct ended *ended)
{
    gint64 until = g_get_monotonic_time() + WAIT_MS * 1000;
    guint source = g_timeout_add(TICK_MS, wake, NULL);
    while (ended->calls == 0 && g_get_monotonic_time() < until)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(source);
    g_assert_cmpuint(ended->calls, ==, 1);
}

static void test_result_is_right(void)
{
    struct bed bed;
    struct ended ended = {0};
    bed_open(&bed);
    add(&bed, HOSTS, on_parsed, &ended);
    g_assert_cmpuint(ended.calls, ==, 0);
    wait_for(&ended);
    g_assert_null(ended.why);
    g_assert_true(service_key_equal(&ended.info->key, bed.key));
    g_assert_cmpuint(ended.info->ref_count, ==, 1);
    g_assert_cmpuint(ended.info->n_hosts, ==, HOSTS);
    for (guint i = 0; i < HOSTS; i++) {
        const struct instance *host = &ended.info->hosts[i];
        g_autofree char *ip = g_strdup_printf("10.%u.%u.%u", 1 + i / 65536, i / 256 % 256, i % 256);
        g_autofree char *zone = g_strdup_printf("z%u", i % 7);
        g_assert_cmpstr(host->ip, ==, ip);
        g_assert_cmpstr(instance_get_metadata(host, "zone"), ==, zone);
    }
    ended_clear(&ended);
    bed_close(&bed);
}

/* us; the longest time that the loop did not turn while 3 MB were parsed. */
static gint64 longest_gap(void)
{
    struct bed bed;
    struct ended ended = {0};
    struct ticker ticker;
    bed_open(&bed);
    char *text = large_list(HOSTS);
    gsize length = strlen(text);
    g_assert_cmpuint(length, >, 3000000);
    ticker_start(&ticker);
    parse_worker_add(bed.worker, text, length, bed.key, on_parsed, &ended);
    wait_for(&ended);
    ticker_stop(&ticker);
    g_test_message("%u ticks, %d us between two at most", ticker.ticks, (int)ticker.longest);
    ended_clear(&ended);
    bed_close(&bed);
    return ticker.ticks >= 4 ? ticker.longest : G_MAXINT64; /* it does take a while */
}

/* A busy machine stops any process for that long now and then, but not every time. */
static void test_loop_goes_on(void)
{
    gint64 longest = G_MAXINT64;
    for (guint i = 0; i < TRIES && longest >= GAP_MAX_US; i++)
        longest = longest_gap();
    g_assert_cmpint(longest, <, GAP_MAX_US);
}

static void test_nonsense_has_a_reason(void)
{
    struct bed bed;
    struct ended ended = {0};
    bed_open(&bed);
    parse_worker_add(bed.worker, g_strdup("{\"hosts\":"), 9, bed.key, on_parsed, &ended);
    wait_for(&ended);
    g_assert_null(ended.info);
    g_assert_nonnull(strstr(ended.why, "not JSON"));
    ended_clear(&ended);
    bed_close(&bed);
}

/* The small one would be first if it had a thread of its own. */
static void test_one_at_a_time_in_order(void)
{
    struct bed bed;
    struct ended large = {0}, small = {0};
    bed_open(&bed);
    add(&bed, HOSTS, on_parsed, &large);
    add(&bed, 1, on_parsed, &small);
    wait_for(&large);
    g_assert_cmpuint(small.calls, ==, 0);
    wait_for(&small);
    g_assert_cmpuint(small.info->n_hosts, ==, 1);
    ended_clear(&large);
    ended_clear(&small);
    bed_close(&bed);
}

static void test_cancelled_while_parsed(void)
{
    struct bed bed;
    struct ended ended = {0};
    bed_open(&bed);
    struct parse_job *job = add(&bed, HOSTS, never, NULL);
    add(&bed, 1, on_parsed, &ended);
    parse_job_cancel(job);
    wait_for(&ended);
    ended_clear(&ended);
    bed_close(&bed);
}

static void test_cancelled_while_waiting(void)
{
    struct bed bed;
    struct ended first = {0}, last = {0};
    bed_open(&bed);
    add(&bed, HOSTS, on_parsed, &first);
    struct parse_job *job = add(&bed, 1, never, NULL);
    add(&bed, 1, on_parsed, &last);
    parse_job_cancel(job);
    wait_for(&first);
    wait_for(&last);
    ended_clear(&first);
    ended_clear(&last);
    bed_close(&bed);
}

static void test_freed_while_parsed(void)
{
    struct bed bed;
    struct ended ended = {0};
    bed_open(&bed);
    add(&bed, HOSTS, never, NULL);
    add(&bed, 1, never, NULL);
    g_clear_pointer(&bed.worker, parse_worker_free);
    bed.worker = parse_worker_new();
    add(&bed, 2 * HOSTS, on_parsed, &ended); /* the dropped one ends meanwhile */
    wait_for(&ended);
    ended_clear(&ended);
    bed_close(&bed);
}

static void test_freed_within_done(void)
{
    struct bed bed;
    bed_open(&bed);
    struct ended ended = {.free_it = &bed.worker};
    add(&bed, HOSTS, on_parsed, &ended);
    add(&bed, 1, never, NULL);
    wait_for(&ended);
    g_assert_null(bed.worker);
    ended_clear(&ended);
    service_key_free(bed.key);
}

static void test_queue_is_bounded(void)
{
    const gsize much = 100 * 1024 * 1024;
    struct bed bed;
    bed_open(&bed);
    struct parse_job *running = add(&bed, HOSTS, never, NULL);
    struct parse_job *waiting =
        parse_worker_add(bed.worker, g_malloc0(much), much, bed.key, never, NULL);
    g_assert_nonnull(waiting);
    g_assert_null(parse_worker_add(bed.worker, g_malloc0(much), much, bed.key, never, NULL));
    parse_job_cancel(waiting); /* makes room */
    waiting = parse_worker_add(bed.worker, g_malloc0(much), much, bed.key, never, NULL);
    g_assert_nonnull(waiting);
    parse_job_cancel(waiting);
    parse_job_cancel(running);
    bed_close(&bed);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/parse_worker/result", test_result_is_right);
    g_test_add_func("/parse_worker/loop-goes-on", test_loop_goes_on);
    g_test_add_func("/parse_worker/nonsense", test_nonsense_has_a_reason);
    g_test_add_func("/parse_worker/one-at-a-time", test_one_at_a_time_in_order);
    g_test_add_func("/parse_worker/cancelled/parsed", test_cancelled_while_parsed);
    g_test_add_func("/parse_worker/cancelled/waiting", test_cancelled_while_waiting);
    g_test_add_func("/parse_worker/freed/parsed", test_freed_while_parsed);
    g_test_add_func("/parse_worker/freed/within-done", test_freed_within_done);
    g_test_add_func("/parse_worker/bounded", test_queue_is_bounded);
    return g_test_run();
}
