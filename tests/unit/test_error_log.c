/* SPDX-License-Identifier: MIT */
#include "fs/error_log.h"

#include <errno.h>
#include <string.h>

struct fixture {
    struct error_log *log;
};

static void set_up(struct fixture *fixture, gconstpointer data)
{
    fixture->log = error_log_new(NULL, NULL);
}

static void tear_down(struct fixture *fixture, gconstpointer data)
{
    error_log_free(fixture->log);
}

static char *rendered(const struct error_log *log)
{
    g_autoptr(GBytes) bytes = error_log_render(log);
    gsize size;
    const char *data = g_bytes_get_data(bytes, &size);
    return g_strndup(data, size);
}

static void check(const struct fixture *fixture, const char *expected)
{
    g_autofree char *text = rendered(fixture->log);
    g_assert_cmpstr(text, ==, expected);
}

static void test_empty(struct fixture *fixture, gconstpointer data)
{
    check(fixture, "");
}

static void test_oldest_first(struct fixture *fixture, gconstpointer data)
{
    error_log_add(fixture->log, 1000, EINVAL, "G/a/register", "", "bad line");
    error_log_add(fixture->log, 1001, ETIMEDOUT, "G/b/instances", "10.0.0.1:8848", "late");
    check(fixture, "time=1000 errno=EINVAL path=G/a/register server= text=bad\\040line\n"
                   "time=1001 errno=ETIMEDOUT path=G/b/instances server=10.0.0.1:8848 text=late\n");
}

static void test_same_within_a_second_counts(struct fixture *fixture, gconstpointer data)
{
    error_log_add(fixture->log, 1000, EINVAL, "p", "", "t");
    error_log_add(fixture->log, 1500, EIO, "p", "", "t");
    error_log_add(fixture->log, 1999, EINVAL, "p", "", "t");
    check(fixture, "time=1000 errno=EINVAL path=p server= text=t count=2\n"
                   "time=1500 errno=EIO path=p server= text=t\n");
}

static void test_same_later_is_a_record(struct fixture *fixture, gconstpointer data)
{
    error_log_add(fixture->log, 1000, EINVAL, "p", "", "t");
    error_log_add(fixture->log, 2000, EINVAL, "p", "", "t");
    check(fixture, "time=1000 errno=EINVAL path=p server= text=t\n"
                   "time=2000 errno=EINVAL path=p server= text=t\n");
}

static void test_clock_back_is_a_record(struct fixture *fixture, gconstpointer data)
{
    error_log_add(fixture->log, 5000, EINVAL, "p", "", "t");
    error_log_add(fixture->log, 4900, EINVAL, "p", "", "t");
    check(fixture, "time=5000 errno=EINVAL path=p server= text=t\n"
                   "time=4900 errno=EINVAL path=p server= text=t\n");
}

static void test_other_reason_is_a_record(struct fixture *fixture, gconstpointer data)
{
    error_log_add(fixture->log, 1000, EINVAL, "p", "", "t");
    error_log_add(fixture->log, 1000, EINVAL, "p", "", "u");
    check(fixture, "time=1000 errno=EINVAL path=p server= text=t\n"
                   "time=1000 errno=EINVAL path=p server= text=u\n");
}

static void test_room_for_100(struct fixture *fixture, gconstpointer data)
{
    for (int i = 0; i < ERROR_LOG_ROOM + 1; i++) {
        g_autofree char *path = g_strdup_printf("p%d", i);
        error_log_add(fixture->log, 1000, EIO, path, "", "");
    }
    g_autofree char *text = rendered(fixture->log);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, ERROR_LOG_ROOM + 1); /* an empty one at the end */
    g_assert_nonnull(strstr(lines[0], "path=p1 "));
    g_assert_nonnull(strstr(lines[ERROR_LOG_ROOM - 1], "path=p100 "));
}

static void test_long_strings_are_cut(struct fixture *fixture, gconstpointer data)
{
    g_autofree char *longest = g_strnfill(1024, 'x');
    g_autofree char *longer = g_strnfill(5000, 'x');
    error_log_add(fixture->log, 1, EIO, "p", "", longer);
    g_autofree char *expected =
        g_strdup_printf("time=1 errno=EIO path=p server= text=%s\n", longest);
    check(fixture, expected);
}

static void test_control_bytes_are_escaped(struct fixture *fixture, gconstpointer data)
{
    error_log_add(fixture->log, 1, EIO, "a\nb", "", "\x1b[2J\xff");
    check(fixture, "time=1 errno=EIO path=a\\012b server= text=\\033[2J\\377\n");
}

static void test_names(void)
{
    g_assert_cmpstr(error_name(EHOSTUNREACH), ==, "EHOSTUNREACH");
    g_assert_cmpstr(error_name(0), ==, "E?");
    g_assert_cmpstr(error_name(-EINVAL), ==, "E?");
    g_assert_cmpstr(error_name(100000), ==, "E?");
}

#define ADD(path, test)                                                                            \
    g_test_add("/error_log/" path, struct fixture, NULL, set_up, test, tear_down)

struct told {
    guint added, counted, gone;
};

static void note(struct error_entry *entry, gpointer user_data)
{
    struct told *told = user_data;
    told->added += entry->count == 1;
    told->counted += entry->count > 1;
    told->gone += entry->count == 0;
}

static void test_keeper_is_told(void)
{
    struct told told = {0};
    struct error_log *log = error_log_new(note, &told);
    for (int i = 0; i < ERROR_LOG_ROOM + 3; i++) {
        error_log_add(log, i * 5000, EINVAL, "p", "", "t");
        error_log_add(log, i * 5000, EINVAL, "p", "", "t");
    }
    g_assert_cmpuint(told.added, ==, ERROR_LOG_ROOM + 3);
    g_assert_cmpuint(told.counted, ==, ERROR_LOG_ROOM + 3);
    g_assert_cmpuint(told.gone, ==, 3);
    error_log_free(log);
}

static void test_restored_are_the_oldest(struct fixture *fixture, gconstpointer data)
{
    const struct error_entry entry = {.number = 7,
                                      .time_ms = 1000,
                                      .error = EIO,
                                      .path = (char *)"p",
                                      .server = (char *)"s",
                                      .text = (char *)"t",
                                      .count = 2};
    error_log_restore(fixture->log, &entry);
    error_log_add(fixture->log, 9000, EINVAL, "q", "", "u");
    check(fixture, "time=1000 errno=EIO path=p server=s text=t count=2\n"
                   "time=9000 errno=EINVAL path=q server= text=u\n");
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    ADD("empty", test_empty);
    ADD("oldest-first", test_oldest_first);
    ADD("count", test_same_within_a_second_counts);
    ADD("later", test_same_later_is_a_record);
    ADD("clock-back", test_clock_back_is_a_record);
    ADD("other-reason", test_other_reason_is_a_record);
    ADD("room", test_room_for_100);
    ADD("cut", test_long_strings_are_cut);
    ADD("escaped", test_control_bytes_are_escaped);
    ADD("restored", test_restored_are_the_oldest);
    g_test_add_func("/error_log/names", test_names);
    g_test_add_func("/error_log/keeper-is-told", test_keeper_is_told);
    return g_test_run();
}
