/* SPDX-License-Identifier: MIT */
#include "fs/version.h"

#include <string.h>

static gboolean take(struct version *version, const char *text, gboolean announce)
{
    return version_take(version, g_bytes_new(text, strlen(text)), announce);
}

static void other_bytes_are_news(void)
{
    struct version version;
    version_init(&version, 1);
    g_assert_true(take(&version, "a", FALSE));
    gint64 first = version.mtime_ns;
    g_assert_cmpint(first, >, 1);
    g_assert_false(take(&version, "a", TRUE));
    g_assert_cmpint(version.mtime_ns, ==, first);
    g_assert_true(take(&version, "b", FALSE));
    g_assert_cmpint(version.mtime_ns, >, first);
    version_clear(&version);
}

static void time_grows_though_the_clock_does_not(void)
{
    gint64 future = g_get_real_time() * 1000 + 3600 * G_GINT64_CONSTANT(1000000000);
    struct version version;
    version_init(&version, future);
    take(&version, "a", FALSE);
    g_assert_cmpint(version.mtime_ns, ==, future + 1);
    version_clear(&version);
}

static void only_what_may_be_watched_is_owed(void)
{
    struct version version;
    version_init(&version, 1);
    take(&version, "a", FALSE);
    g_assert_false(version.changed);
    g_assert_cmpint(version.told_ns, ==, version.mtime_ns);
    take(&version, "b", TRUE);
    g_assert_true(version.changed);
    g_assert_cmpint(version.told_ns, <, version.mtime_ns);
    version_settle(&version);
    g_assert_false(version.changed);
    g_assert_cmpint(version.told_ns, ==, version.mtime_ns);
    version_clear(&version);
}

static void told_is_what_went_out(void)
{
    struct version version;
    version_init(&version, 1);
    take(&version, "a", TRUE);
    gint64 first = version.mtime_ns;
    version_telling(&version);
    take(&version, "b", TRUE); /* while the announcement of the first is in flight */
    version_told(&version);
    g_assert_cmpint(version.told_ns, ==, first);
    g_assert_true(version.changed);
    version_clear(&version);
}

static void next_one_waits_unless_it_is_a_repetition(void)
{
    struct version version;
    version_init(&version, 1);
    take(&version, "a", TRUE);
    g_assert_cmpint(version_due(&version), ==, 0);
    version_telling(&version);
    g_assert_cmpint(version_due(&version), >, g_get_monotonic_time());
    version_again(&version);
    g_assert_true(version.changed);
    g_assert_cmpint(version_due(&version), ==, 0);
    version_clear(&version);
}

static void resumed_bytes_are_no_news(void)
{
    struct version version;
    version_resume(&version, 7, 7);
    g_assert_false(version.changed);
    g_assert_false(take(&version, "a", TRUE));
    g_assert_cmpint(version.mtime_ns, ==, 7);
    g_assert_false(version.changed);
    g_assert_true(take(&version, "b", TRUE));
    version_clear(&version);
}

static void what_an_earlier_daemon_had_not_told_is_owed(void)
{
    struct version version;
    version_resume(&version, 7, 6);
    take(&version, "a", FALSE);
    g_assert_true(version.changed);
    g_assert_cmpint(version.told_ns, ==, 6);
    version_clear(&version);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/version/other_bytes_are_news", other_bytes_are_news);
    g_test_add_func("/version/time_grows_though_the_clock_does_not",
                    time_grows_though_the_clock_does_not);
    g_test_add_func("/version/only_what_may_be_watched_is_owed", only_what_may_be_watched_is_owed);
    g_test_add_func("/version/told_is_what_went_out", told_is_what_went_out);
    g_test_add_func("/version/next_one_waits_unless_it_is_a_repetition",
                    next_one_waits_unless_it_is_a_repetition);
    g_test_add_func("/version/resumed_bytes_are_no_news", resumed_bytes_are_no_news);
    g_test_add_func("/version/what_an_earlier_daemon_had_not_told_is_owed",
                    what_an_earlier_daemon_had_not_told_is_owed);
    return g_test_run();
}
