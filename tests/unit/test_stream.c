/* SPDX-License-Identifier: MIT */
#include "fs/stream.h"

#include <string.h>

#define RING 4096

struct fixture {
    struct stream *stream;
    struct stream_reader one, all; /* of service 7, of every service */
};

static void set_up(struct fixture *fixture, gconstpointer unused)
{
    fixture->stream = stream_new(RING);
    fixture->one = (struct stream_reader){.service = 7};
    fixture->all = (struct stream_reader){0};
    stream_attach(fixture->stream, &fixture->one);
    stream_attach(fixture->stream, &fixture->all);
}

static void tear_down(struct fixture *fixture, gconstpointer unused)
{
    stream_detach(fixture->stream, &fixture->one);
    stream_detach(fixture->stream, &fixture->all);
    stream_free(fixture->stream);
}

static void append(struct fixture *fixture, guint64 service, const char *line)
{
    const struct stream_event event = {
        .service = service, .unix_ms = 1000, .path = "G/svc", .verb = "added", .line = line};
    stream_append(fixture->stream, &event);
}

/* What a read of `size` bytes gives. New string. */
static char *take(struct fixture *fixture, struct stream_reader *reader, gsize size)
{
    char *buffer = g_malloc(size + 1);
    gsize n = stream_read(fixture->stream, reader, buffer, size);
    g_assert_cmpuint(n, <=, size);
    buffer[n] = '\0';
    return buffer;
}

static void assert_takes(struct fixture *fixture, struct stream_reader *reader, gsize size,
                         const char *wanted)
{
    g_autofree char *got = take(fixture, reader, size);
    g_assert_cmpstr(got, ==, wanted);
}

static void assert_overflow(struct fixture *fixture, struct stream_reader *reader)
{
    g_autofree char *got = take(fixture, reader, RING);
    g_assert_true(g_str_has_suffix(got, " overflow\n"));
    g_assert_null(strchr(strchr(got, '\n') + 1, '\n'));
}

static void nothing_at_first(struct fixture *fixture, gconstpointer unused)
{
    g_assert_false(stream_is_readable(fixture->stream, &fixture->one));
    assert_takes(fixture, &fixture->one, 100, "");
}

static void readers_of_all_see_the_path(struct fixture *fixture, gconstpointer unused)
{
    append(fixture, 7, "x\n");
    append(fixture, 8, "y\n");
    assert_takes(fixture, &fixture->one, 100, "1000 added x\n");
    assert_takes(fixture, &fixture->all, 100, "1000 G/svc added x\n1000 G/svc added y\n");
    assert_takes(fixture, &fixture->all, 100, "");
}

static void another_service_is_not_readable(struct fixture *fixture, gconstpointer unused)
{
    append(fixture, 8, "y\n");
    g_assert_false(stream_is_readable(fixture->stream, &fixture->one));
    g_assert_true(stream_is_readable(fixture->stream, &fixture->all));
}

static void a_late_reader_starts_late(struct fixture *fixture, gconstpointer unused)
{
    struct stream_reader late = {.service = 7};
    append(fixture, 7, "x\n");
    stream_attach(fixture->stream, &late);
    append(fixture, 7, "y\n");
    assert_takes(fixture, &late, 100, "1000 added y\n");
    stream_detach(fixture->stream, &late);
}

static void a_line_byte_by_byte(struct fixture *fixture, gconstpointer unused)
{
    g_autoptr(GString) got = g_string_new(NULL);
    append(fixture, 7, "x\n");
    append(fixture, 7, "y\n");
    for (int i = 0; i < 26; i++) {
        g_autofree char *byte = take(fixture, &fixture->one, 1);
        g_assert_cmpuint(strlen(byte), ==, 1);
        g_string_append(got, byte);
    }
    g_assert_cmpstr(got->str, ==, "1000 added x\n1000 added y\n");
    g_assert_false(stream_is_readable(fixture->stream, &fixture->one));
}

static void whole_lines_as_far_as_they_fit(struct fixture *fixture, gconstpointer unused)
{
    append(fixture, 7, "x\n");
    append(fixture, 7, "y\n");
    assert_takes(fixture, &fixture->one, 20, "1000 added x\n");
    assert_takes(fixture, &fixture->one, 20, "1000 added y\n");
}

static void the_ring_goes_round_and_round(struct fixture *fixture, gconstpointer unused)
{
    for (int i = 0; i < 1000; i++) {
        g_autofree char *line = g_strdup_printf("%0*d\n", 1 + i % 90, i);
        g_autofree char *one = g_strconcat("1000 added ", line, NULL);
        g_autofree char *all = g_strconcat("1000 G/svc added ", line, NULL);
        append(fixture, 7, line);
        assert_takes(fixture, &fixture->one, 200, one);
        assert_takes(fixture, &fixture->all, 200, all);
    }
}

static void flood(struct fixture *fixture, guint64 service)
{
    for (int i = 0; i < RING; i++)
        append(fixture, service, "flood\n");
}

static void too_slow_is_told_once_and_goes_on(struct fixture *fixture, gconstpointer unused)
{
    flood(fixture, 7);
    g_assert_true(stream_is_readable(fixture->stream, &fixture->one));
    assert_overflow(fixture, &fixture->one);
    g_assert_false(stream_is_readable(fixture->stream, &fixture->one));
    append(fixture, 7, "x\n");
    assert_takes(fixture, &fixture->one, 100, "1000 added x\n");
}

static void the_overflow_line_byte_by_byte(struct fixture *fixture, gconstpointer unused)
{
    g_autofree char *first = NULL;
    flood(fixture, 7);
    first = take(fixture, &fixture->one, 1);
    append(fixture, 7, "x\n");
    g_autofree char *rest = take(fixture, &fixture->one, 100);
    g_assert_true(g_str_has_suffix(rest, " overflow\n1000 added x\n"));
}

static void others_floods_lose_nothing(struct fixture *fixture, gconstpointer unused)
{
    flood(fixture, 8);
    g_assert_false(stream_is_readable(fixture->stream, &fixture->one));
    append(fixture, 7, "x\n");
    assert_takes(fixture, &fixture->one, 100, "1000 added x\n");
    assert_overflow(fixture, &fixture->all);
}

static void a_begun_line_is_never_torn(struct fixture *fixture, gconstpointer unused)
{
    append(fixture, 7, "x\n");
    assert_takes(fixture, &fixture->one, 5, "1000 ");
    assert_takes(fixture, &fixture->all, 8, "1000 G/s");
    flood(fixture, 7);
    g_autofree char *one = take(fixture, &fixture->one, 100);
    g_autofree char *all = take(fixture, &fixture->all, 100);
    g_assert_true(g_str_has_prefix(one, "added x\n") && g_str_has_suffix(one, " overflow\n"));
    g_assert_true(g_str_has_prefix(all, "vc added x\n") && g_str_has_suffix(all, " overflow\n"));
}

static void a_line_too_long_is_lost(struct fixture *fixture, gconstpointer unused)
{
    g_autofree char *line = g_strnfill(RING / 4, 'x');
    append(fixture, 7, "x\n");
    assert_takes(fixture, &fixture->one, 5, "1000 ");
    append(fixture, 7, line);
    g_autofree char *got = take(fixture, &fixture->one, 100);
    g_assert_true(g_str_has_prefix(got, "added x\n") && g_str_has_suffix(got, " overflow\n"));
}

static void one_cluster_alone(struct fixture *fixture, gconstpointer unused)
{
    struct stream_reader reader = {.service = 7, .cluster = (char *)"hz"};
    stream_attach(fixture->stream, &reader);
    append(fixture, 7, "a:1 weight=1 cluster=hz meta.x=1\n");
    append(fixture, 7, "b:1 weight=1 cluster=hz2 meta.cluster=hz\n");
    append(fixture, 7, "c:1 weight=1 cluster=h\n");
    append(fixture, 8, "d:1 weight=1 cluster=hz\n");
    append(fixture, 7, "e:1 weight=1 cluster=hz\n");
    assert_takes(
        fixture, &reader, 200,
        "1000 added a:1 weight=1 cluster=hz meta.x=1\n1000 added e:1 weight=1 cluster=hz\n");
    stream_detach(fixture->stream, &reader);
}

int main(int argc, char *argv[])
{
    static const struct {
        const char *name;
        void (*test)(struct fixture *fixture, gconstpointer unused);
    } tests[] = {
        {"/stream/nothing", nothing_at_first},
        {"/stream/path", readers_of_all_see_the_path},
        {"/stream/another", another_service_is_not_readable},
        {"/stream/late", a_late_reader_starts_late},
        {"/stream/bytes", a_line_byte_by_byte},
        {"/stream/whole", whole_lines_as_far_as_they_fit},
        {"/stream/round", the_ring_goes_round_and_round},
        {"/stream/overflow", too_slow_is_told_once_and_goes_on},
        {"/stream/overflow-bytes", the_overflow_line_byte_by_byte},
        {"/stream/others", others_floods_lose_nothing},
        {"/stream/begun", a_begun_line_is_never_torn},
        {"/stream/cluster", one_cluster_alone},
        {"/stream/long", a_line_too_long_is_lost},
    };
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, struct fixture, NULL, set_up, tests[i].test, tear_down);
    return g_test_run();
}
