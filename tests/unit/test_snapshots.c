/* SPDX-License-Identifier: MIT */
#include "fs/snapshots.h"

#include <unistd.h>

struct fixture {
    int fd;
    struct state *state;
    struct snapshots *snapshots;
};

static void begin(struct fixture *f)
{
    g_autofree char *why = NULL;
    f->state = state_open(f->fd, &why);
    g_assert_cmpstr(why, ==, NULL);
    f->snapshots = snapshots_new(f->state);
}

static void end(struct fixture *f)
{
    snapshots_free(f->snapshots);
    state_close(f->state);
}

static void set_up(struct fixture *f, gconstpointer data)
{
    f->fd = state_create();
    begin(f);
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    end(f);
    close(f->fd);
}

static guint records(const struct fixture *f)
{
    struct state_usage usage;
    state_usage(f->state, &usage);
    return usage.records;
}

static void one_copy_of_a_version(struct fixture *f, gconstpointer data)
{
    g_autoptr(GBytes) bytes = g_bytes_new("one", 3);
    guint64 id = snapshots_hold(f->snapshots, bytes);
    g_assert_cmpuint(snapshots_hold(f->snapshots, bytes), ==, id);
    g_assert_cmpuint(records(f), ==, 1);
    snapshots_release(f->snapshots, id);
    g_assert_cmpuint(records(f), ==, 1);
    snapshots_release(f->snapshots, id);
    g_assert_cmpuint(records(f), ==, 0);
}

static void empty_ones_take_nothing(struct fixture *f, gconstpointer data)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static("", 0);
    g_assert_cmpuint(snapshots_hold(f->snapshots, bytes), ==, 0);
    snapshots_release(f->snapshots, 0);
    g_assert_cmpuint(records(f), ==, 0);
}

static void next_daemon_reads_the_same(struct fixture *f, gconstpointer data)
{
    g_autoptr(GBytes) bytes = g_bytes_new("one", 3);
    guint64 id = snapshots_hold(f->snapshots, bytes);
    end(f);
    begin(f);
    g_autoptr(GBytes) again = snapshots_reopen(f->snapshots, id);
    g_autoptr(GBytes) twice = snapshots_reopen(f->snapshots, id);
    g_assert_true(g_bytes_equal(bytes, again));
    g_assert_true(again == twice);
    snapshots_drop_unheld(f->snapshots);
    g_assert_cmpuint(records(f), ==, 1);
    snapshots_release(f->snapshots, id);
    snapshots_release(f->snapshots, id);
    g_assert_cmpuint(records(f), ==, 0);
}

static void what_nobody_opens_again_goes(struct fixture *f, gconstpointer data)
{
    g_autoptr(GBytes) bytes = g_bytes_new("one", 3);
    guint64 old = snapshots_hold(f->snapshots, bytes);
    end(f);
    begin(f);
    snapshots_drop_unheld(f->snapshots);
    g_assert_cmpuint(records(f), ==, 0);
    g_autoptr(GBytes) nothing = snapshots_reopen(f->snapshots, old);
    g_assert_cmpuint(g_bytes_get_size(nothing), ==, 0);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/snapshots/one", struct fixture, NULL, set_up, one_copy_of_a_version, tear_down);
    g_test_add("/snapshots/empty", struct fixture, NULL, set_up, empty_ones_take_nothing,
               tear_down);
    g_test_add("/snapshots/next", struct fixture, NULL, set_up, next_daemon_reads_the_same,
               tear_down);
    g_test_add("/snapshots/unheld", struct fixture, NULL, set_up, what_nobody_opens_again_goes,
               tear_down);
    return g_test_run();
}
