/* SPDX-License-Identifier: MIT
 *
 * Queue, helpers and their failures, on a plain directory in the place of the mount.
 */
#include "fs/mirror.h"
#include "lane.h"
#include "watcher.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <unistd.h>

struct fixture {
    char *directory;
    struct mirror *mirror;
    struct lane *lanes[3];
};

static void set_up(struct fixture *f, gconstpointer data)
{
    f->directory = g_dir_make_tmp("mirror-XXXXXX", NULL);
    const char *const argv[] = {"/proc/self/exe", "--mirror-helper", f->directory, NULL};
    g_autofree char *why = NULL;
    f->mirror = mirror_new(argv, GPOINTER_TO_UINT(data), f->directory, &why);
    g_assert_cmpstr(why, ==, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(f->lanes); i++)
        f->lanes[i] = lane_new();
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    mirror_free(f->mirror);
    for (guint i = 0; i < G_N_ELEMENTS(f->lanes); i++)
        lane_free(f->lanes[i]);
    const char *const argv[] = {"rm", "-rf", f->directory, NULL};
    struct child_config config = {.program = "/bin/rm", .argv = argv, .fd = -1, .error_fd = -1};
    g_autofree char *why = NULL;
    struct child *child = child_new(&config, &why);
    g_assert_true(child_wait(child, 5000));
    child_free(child);
    g_free(f->directory);
}

/* Pids of our children whose command line says that they are helpers. */
static GArray *helper_pids(void)
{
    GArray *pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
    g_autofree char *path = g_strdup_printf("/proc/self/task/%d/children", getpid());
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    for (char **word = words; **word; word++) {
        pid_t pid = atoi(*word);
        g_autofree char *file = g_strdup_printf("/proc/%d/cmdline", pid);
        g_autofree char *line = NULL;
        gsize length = 0;
        g_file_get_contents(file, &line, &length, NULL);
        if (length > 20 && !memcmp(line + strlen(line) + 1, "--mirror-helper", 15))
            g_array_append_val(pids, pid);
    }
    return pids;
}

/* A process has no command line for a moment in exec. */
static pid_t first_helper(void)
{
    g_autoptr(GArray) pids = helper_pids();
    for (int i = 0; i < 1000 && pids->len == 0; i++) {
        g_usleep(1000);
        g_array_unref(pids);
        pids = helper_pids();
    }
    g_assert_cmpint(pids->len, >, 0);
    return g_array_index(pids, pid_t, 0);
}

static void calls_are_made(struct fixture *f, gconstpointer data)
{
    struct lane *lane = f->lanes[0];
    lane_want(f->mirror, lane, "MKDIR d");
    lane_want(f->mirror, lane, "MKNOD d/x");
    lane_want(f->mirror, lane, "POKE d/x");
    g_autofree char *path = g_build_filename(f->directory, "d/x", NULL);
    WAIT_UNTIL(lane->finished == 3);
    g_assert_cmpstr(lane->done->str, ==, "MKDIR d 0;MKNOD d/x 0;POKE d/x 0;");
    g_assert_true(g_file_test(path, G_FILE_TEST_IS_REGULAR));
    lane_want(f->mirror, lane, "UNLINK d/x");
    lane_want(f->mirror, lane, "RMDIR d");
    WAIT_UNTIL(lane->finished == 5);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    WAIT_UNTIL(mirror_backlog(f->mirror) == 0);
}

static void errors_come_back(struct fixture *f, gconstpointer data)
{
    struct lane *lane = f->lanes[0];
    lane_want(f->mirror, lane, "UNLINK x");
    lane_want(f->mirror, lane, "MKDIR x");
    lane_want(f->mirror, lane, "MKNOD x");
    WAIT_UNTIL(lane->finished == 3);
    g_assert_cmpstr(lane->done->str, ==, "UNLINK x 2;MKDIR x 0;MKNOD x 17;");
}

static void order_of_a_lane_is_kept(struct fixture *f, gconstpointer data)
{
    g_autoptr(GString) expected = g_string_new(NULL);
    for (int i = 0; i < 50; i++)
        for (int op = MIRROR_MKNOD; op <= MIRROR_UNLINK; op++)
            for (int l = 0; l < 3; l++) {
                g_autofree char *order = g_strdup_printf("%s x%d-%d", lane_ops[op], l, i);
                lane_want(f->mirror, f->lanes[l], order);
                if (l == 1)
                    g_string_append_printf(expected, "%s 0;", order);
            }
    for (int l = 0; l < 3; l++)
        WAIT_UNTIL(f->lanes[l]->finished == 100);
    g_assert_cmpstr(f->lanes[1]->done->str, ==, expected->str);
}

static void dead_helper_is_replaced_and_its_order_repeated(struct fixture *f, gconstpointer data)
{
    f->lanes[0]->endless = TRUE;
    lane_want(f->mirror, f->lanes[0], "UNLINK x");
    for (int i = 0; i < 20; i++) {
        guint before = f->lanes[0]->finished;
        pid_t victim = first_helper();
        g_assert_true(mirror_is_helper(f->mirror, victim));
        kill(victim, SIGKILL);
        WAIT_UNTIL(!mirror_is_helper(f->mirror, victim));
        WAIT_UNTIL(f->lanes[0]->finished > before);
    }
    f->lanes[0]->endless = FALSE;
    WAIT_UNTIL(mirror_backlog(f->mirror) == 0);
}

static void order_in_flight_at_death_is_repeated(struct fixture *f, gconstpointer data)
{
    pid_t victim = first_helper();
    kill(victim, SIGSTOP);
    lane_want(f->mirror, f->lanes[0], "MKNOD x");
    WAIT_UNTIL(mirror_order_from(f->mirror, victim));
    g_assert_cmpstr(mirror_order_from(f->mirror, victim)->path, ==, "x");
    kill(victim, SIGKILL);
    WAIT_UNTIL(f->lanes[0]->finished);
    g_assert_cmpint(f->lanes[0]->interrupted, ==, 1);
    g_assert_cmpstr(f->lanes[0]->done->str, ==, "MKNOD x 0;");
}

static void stopped_helper_is_replaced_in_five_seconds(struct fixture *f, gconstpointer data)
{
    pid_t victim = first_helper();
    kill(victim, SIGSTOP);
    gint64 start = g_get_monotonic_time();
    lane_want(f->mirror, f->lanes[0], "MKNOD x");
    lane_want(f->mirror, f->lanes[1], "MKNOD y");
    WAIT_UNTIL(f->lanes[0]->finished && f->lanes[1]->finished);
    g_assert_false(mirror_is_helper(f->mirror, victim));
    g_assert_cmpint(g_get_monotonic_time() - start, <, 5500 * G_TIME_SPAN_MILLISECOND);
}

static void stopped_helper_does_not_hold_up_other_lanes(struct fixture *f, gconstpointer data)
{
    pid_t victim = first_helper();
    kill(victim, SIGSTOP);
    lane_want(f->mirror, f->lanes[0], "MKNOD x");
    WAIT_UNTIL(mirror_order_from(f->mirror, victim));
    lane_want(f->mirror, f->lanes[1], "MKNOD y");
    WAIT_UNTIL(f->lanes[1]->finished);
    g_assert_cmpint(f->lanes[0]->finished, ==, 0);
}

static void gated_lane_waits_for_wake(struct fixture *f, gconstpointer data)
{
    f->lanes[0]->gated = TRUE;
    lane_want(f->mirror, f->lanes[0], "MKNOD x");
    lane_want(f->mirror, f->lanes[1], "MKNOD y");
    WAIT_UNTIL(f->lanes[1]->finished);
    run_loop(50);
    g_assert_cmpint(f->lanes[0]->finished, ==, 0);
    g_assert_cmpint(mirror_backlog(f->mirror), ==, 1);
    f->lanes[0]->gated = FALSE;
    mirror_wake(f->mirror);
    WAIT_UNTIL(f->lanes[0]->finished);
}

static void lane_waits_for_its_time(struct fixture *f, gconstpointer data)
{
    gint64 start = g_get_monotonic_time();
    f->lanes[0]->not_before = start + 200 * G_TIME_SPAN_MILLISECOND;
    f->lanes[1]->not_before = start + 100 * G_TIME_SPAN_MILLISECOND;
    lane_want(f->mirror, f->lanes[0], "MKNOD x");
    lane_want(f->mirror, f->lanes[1], "MKNOD y");
    WAIT_UNTIL(f->lanes[1]->finished);
    g_assert_cmpint(g_get_monotonic_time(), >=, f->lanes[1]->not_before);
    g_assert_cmpint(f->lanes[0]->finished, ==, 0);
    WAIT_UNTIL(f->lanes[0]->finished);
    g_assert_cmpint(g_get_monotonic_time(), >=, f->lanes[0]->not_before);
}

static void orders_are_capped_at_a_thousand_a_second(struct fixture *f, gconstpointer data)
{
    for (int l = 0; l < 3; l++) {
        f->lanes[l]->endless = TRUE;
        lane_want(f->mirror, f->lanes[l], "UNLINK x");
    }
    run_loop(1000);
    guint finished = f->lanes[0]->finished + f->lanes[1]->finished + f->lanes[2]->finished;
    g_test_message("%u orders in a second", finished);
    g_assert_cmpint(finished, <, 1150);
    g_assert_cmpint(finished, >, 300);
}

static void removed_lane_hears_nothing(struct fixture *f, gconstpointer data)
{
    pid_t victim = first_helper();
    kill(victim, SIGSTOP);
    lane_want(f->mirror, f->lanes[0], "MKNOD x");
    WAIT_UNTIL(mirror_order_from(f->mirror, victim));
    mirror_lane_remove(f->mirror, &f->lanes[0]->lane);
    g_assert_null(mirror_order_from(f->mirror, victim));
    kill(victim, SIGCONT);
    lane_want(f->mirror, f->lanes[1], "MKNOD y");
    WAIT_UNTIL(f->lanes[1]->finished);
    g_assert_cmpint(f->lanes[0]->finished + f->lanes[0]->interrupted, ==, 0);
}

static void pid_zero_is_nobody(struct fixture *f, gconstpointer data)
{
    g_assert_false(mirror_is_helper(f->mirror, 0));
    g_assert_null(mirror_order_from(f->mirror, 0));
}

static void helper_ignores_the_signals_of_a_shutdown(struct fixture *f, gconstpointer data)
{
    pid_t pid = first_helper();
    lane_want(f->mirror, f->lanes[0], "MKNOD x"); /* it is settled when this came back */
    WAIT_UNTIL(f->lanes[0]->finished);
    kill(pid, SIGTERM);
    kill(pid, SIGINT);
    kill(pid, SIGHUP);
    lane_want(f->mirror, f->lanes[0], "MKNOD y");
    WAIT_UNTIL(f->lanes[0]->finished == 2);
    g_assert_cmpint(first_helper(), ==, pid);
}

static void helpers_that_die_at_once_are_started_ever_later(void)
{
    const char *const argv[] = {"/bin/false", NULL};
    g_autofree char *why = NULL;
    struct mirror *mirror = mirror_new(argv, 1, "/", &why);
    g_assert_cmpstr(why, ==, NULL);
    struct lane *lane = lane_new();
    lane_want(mirror, lane, "UNLINK none/none");
    run_loop(1500);
    g_assert_cmpint(lane->interrupted, <=, 7); /* 0, 0, 50, 200, 800 ms */
    mirror_free(mirror);
    lane_free(lane);
}

#define ADD(name, helpers, func)                                                                   \
    g_test_add("/mirror/" name, struct fixture, GUINT_TO_POINTER(helpers), set_up, func, tear_down)

int main(int argc, char **argv)
{
    int status;
    if (watcher_or_helper_main(argc, argv, &status))
        return status;
    g_test_init(&argc, &argv, NULL);
    ADD("calls", 2, calls_are_made);
    ADD("errors", 1, errors_come_back);
    ADD("lane-order", 4, order_of_a_lane_is_kept);
    ADD("death", 2, dead_helper_is_replaced_and_its_order_repeated);
    ADD("death-in-flight", 1, order_in_flight_at_death_is_repeated);
    ADD("stopped", 1, stopped_helper_is_replaced_in_five_seconds);
    ADD("stopped-others", 2, stopped_helper_does_not_hold_up_other_lanes);
    ADD("gate", 2, gated_lane_waits_for_wake);
    ADD("later", 2, lane_waits_for_its_time);
    ADD("rate", 2, orders_are_capped_at_a_thousand_a_second);
    ADD("removed", 1, removed_lane_hears_nothing);
    ADD("pid-zero", 1, pid_zero_is_nobody);
    ADD("signals", 1, helper_ignores_the_signals_of_a_shutdown);
    g_test_add_func("/mirror/back-off", helpers_that_die_at_once_are_started_ever_later);
    return g_test_run();
}
