/* SPDX-License-Identifier: MIT
 *
 * Mirror, helper process and session together: what an inotify watch sees.
 */
#include "fs/mirror_helper.h"
#include "lane.h"
#include "tiny_fs.h"
#include "watcher.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct fixture {
    struct tiny_fs *fs;
    struct lane *lanes[2];
};

static void set_up(struct fixture *f, gconstpointer data)
{
    f->fs = tiny_fs_new();
    if (!f->fs)
        return;
    const char *const argv[] = {"/proc/self/exe", "--mirror-helper", f->fs->mountpoint, NULL};
    g_autofree char *why = NULL;
    f->fs->mirror = mirror_new(argv, 2, f->fs->mountpoint, &why);
    g_assert_cmpstr(why, ==, NULL);
    f->lanes[0] = lane_new();
    f->lanes[1] = lane_new();
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    if (!f->fs)
        return;
    mirror_free(f->fs->mirror);
    f->fs->mirror = NULL;
    tiny_fs_free(f->fs);
    lane_free(f->lanes[0]);
    lane_free(f->lanes[1]);
}

static struct watcher *watch(struct fixture *f, const char *path)
{
    g_autofree char *whole = g_build_filename(f->fs->mountpoint, path, NULL);
    return watcher_new(whole, TRUE);
}

/* Orders it and expects these events of a watch on `watched`. */
static void expect(struct fixture *f, const char *watched, const char *order, const char *events)
{
    if (!f->fs)
        return;
    struct watcher *watcher = watch(f, watched);
    guint before = f->lanes[0]->finished;
    lane_want(f->fs->mirror, f->lanes[0], order);
    WAIT_UNTIL(f->lanes[0]->finished > before);
    g_assert_nonnull(strstr(f->lanes[0]->done->str, " 0;"));
    WAIT_UNTIL(watcher->text->len >= strlen(events));
    g_assert_cmpstr(watcher->text->str, ==, events);
    watcher_free(watcher);
}

static void poke_is_seen_on_the_file(struct fixture *f, gconstpointer data)
{
    expect(f, "d/f", "POKE d/f", "OPEN .\nMODIFY .\nCLOSE_WRITE .\n");
}

static void poke_is_seen_on_the_directory(struct fixture *f, gconstpointer data)
{
    expect(f, "d", "POKE d/f", "OPEN f\nMODIFY f\nCLOSE_WRITE f\n");
}

static void new_file_and_its_end_are_seen(struct fixture *f, gconstpointer data)
{
    expect(f, "d", "MKNOD d/new", "CREATE new\n");
    expect(f, "d", "UNLINK d/new", "DELETE new\n");
}

static void new_directory_and_its_end_are_seen(struct fixture *f, gconstpointer data)
{
    expect(f, ".", "MKDIR new", "CREATE new\n");
    expect(f, ".", "RMDIR new", "DELETE new\n");
}

static guint64 device_of(const char *mountpoint)
{
    struct statx stat;
    g_assert_cmpint(statx(0, mountpoint, AT_STATX_DONT_SYNC, 0, &stat), ==, 0);
    return makedev(stat.stx_dev_major, stat.stx_dev_minor);
}

/* The same program makes the same call. */
static void another_process_is_not_taken_for_the_helper(struct fixture *f, gconstpointer data)
{
    if (!f->fs)
        return;
    int socket;
    struct child *impostor = impostor_new(f->fs->mountpoint, &socket);
    struct {
        struct mirror_call call;
        char path[5];
    } order = {{MIRROR_MKNOD, 1, device_of(f->fs->mountpoint)}, "d/new"};
    struct watcher *watcher = watch(f, "d");
    g_assert_cmpint(send(socket, &order, sizeof order.call + sizeof order.path, 0), >, 0);
    WAIT_UNTIL(f->fs->refused == 1);
    struct mirror_answer answer;
    g_assert_cmpint(recv(socket, &answer, sizeof answer, 0), ==, sizeof answer);
    g_assert_cmpint(answer.error, ==, EPERM);
    g_assert_cmpstr(watcher->text->str, ==, "");
    watcher_free(watcher);
    child_kill(impostor, SIGKILL);
    child_wait(impostor, 1000);
    child_free(impostor);
    close(socket);
}

static void helper_holds_neither_fuse_nor_the_mount(struct fixture *f, gconstpointer data)
{
    if (!f->fs)
        return;
    expect(f, "d", "POKE d/f", "OPEN f\nMODIFY f\nCLOSE_WRITE f\n");
    g_autofree char *path = g_strdup_printf("/proc/self/task/%d/children", getpid());
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) words = g_strsplit(g_strstrip(text), " ", -1);
    g_assert_cmpint(g_strv_length(words), ==, 2);
    for (char **word = words; *word; word++)
        for (int fd = 0; fd < 64; fd++) {
            g_autofree char *link = g_strdup_printf("/proc/%s/fd/%d", *word, fd);
            g_autofree char *target = g_file_read_link(link, NULL);
            g_assert_true(!target || fd <= CHILD_FD);
            g_assert_true(!target || !g_str_equal(target, "/dev/fuse"));
            g_assert_true(!target || !g_str_has_prefix(target, f->fs->mountpoint));
        }
}

/* A helper that stands in D state behind an unanswered request. */
static void parked_call_does_not_hold_up_other_lanes(struct fixture *f, gconstpointer data)
{
    if (!f->fs)
        return;
    f->fs->park = TRUE;
    lane_want(f->fs->mirror, f->lanes[0], "POKE d/f");
    WAIT_UNTIL(f->fs->parked);
    lane_want(f->fs->mirror, f->lanes[1], "POKE e/f");
    WAIT_UNTIL(f->lanes[1]->finished);
    g_assert_cmpint(f->lanes[0]->finished, ==, 0);
}

static void free_does_not_wait_for_a_helper_in_d_state(struct fixture *f, gconstpointer data)
{
    if (!f->fs)
        return;
    f->fs->park = TRUE;
    lane_want(f->fs->mirror, f->lanes[0], "POKE d/f");
    WAIT_UNTIL(f->fs->parked);
    gint64 start = g_get_monotonic_time();
    g_clear_pointer(&f->fs->mirror, mirror_free);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 500 * G_TIME_SPAN_MILLISECOND);
}

static void nothing_is_made_below_a_mount_that_is_gone(struct fixture *f, gconstpointer data)
{
    if (!f->fs)
        return;
    expect(f, ".", "MKDIR first", "CREATE first\n");
    tiny_fs_unmount(f->fs);
    g_string_truncate(f->lanes[0]->done, 0);
    lane_want(f->fs->mirror, f->lanes[0], "MKDIR second");
    WAIT_UNTIL(f->lanes[0]->finished == 2);
    g_autofree char *expected = g_strdup_printf("MKDIR second %d;", ENODEV);
    g_assert_cmpstr(f->lanes[0]->done->str, ==, expected);
    g_autofree char *path = g_build_filename(f->fs->mountpoint, "second", NULL);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

#define ADD(name, func)                                                                            \
    g_test_add("/mirror-mount/" name, struct fixture, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
    int status;
    if (watcher_or_helper_main(argc, argv, &status))
        return status;
    g_test_init(&argc, &argv, NULL);
    ADD("poke-file", poke_is_seen_on_the_file);
    ADD("poke-directory", poke_is_seen_on_the_directory);
    ADD("file", new_file_and_its_end_are_seen);
    ADD("directory", new_directory_and_its_end_are_seen);
    ADD("impostor", another_process_is_not_taken_for_the_helper);
    ADD("descriptors", helper_holds_neither_fuse_nor_the_mount);
    ADD("parked", parked_call_does_not_hold_up_other_lanes);
    ADD("parked-free", free_does_not_wait_for_a_helper_in_d_state);
    ADD("gone", nothing_is_made_below_a_mount_that_is_gone);
    return g_test_run();
}
