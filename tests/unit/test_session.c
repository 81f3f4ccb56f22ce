/* SPDX-License-Identifier: MIT */
#include "fs/session.h"
#include "fs/wakeup.h"
#include "tiny_fs.h"
#include "watcher.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPTIONS "subtype=nacosfs,fsname=tiny"

static struct watcher *use(struct tiny_fs *fs, const char *path, gboolean watched)
{
    g_autofree char *whole = g_build_filename(fs->mountpoint, path, NULL);
    return watcher_new(whole, watched);
}

static gboolean is_mount(const char *path)
{
    struct statx stat;
    g_assert_cmpint(statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, 0, &stat), ==, 0);
    return (stat.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

static void requests_are_served(void)
{
    struct tiny_fs *fs = tiny_fs_new();
    if (!fs)
        return;
    struct watcher *good = use(fs, "d/f", FALSE);
    g_assert_cmpstr(good->text->str, ==, "");
    struct watcher *bad = use(fs, "d/none", FALSE);
    g_assert_true(g_str_has_prefix(bad->text->str, "error 2\n"));
    watcher_free(good);
    watcher_free(bad);
    tiny_fs_free(fs);
}

static void fuse_descriptor_is_close_on_exec(void)
{
    struct tiny_fs *fs = tiny_fs_new();
    if (!fs)
        return;
    guint found = 0;
    for (int fd = 0; fd < 64; fd++) {
        g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
        g_autofree char *target = g_file_read_link(link, NULL);
        if (g_strcmp0(target, "/dev/fuse"))
            continue;
        found++;
        g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, !=, 0);
        g_assert_cmpint(fcntl(fd, F_GETFL) & O_NONBLOCK, !=, 0);
    }
    g_assert_cmpint(found, >=, 1);
    tiny_fs_free(fs);
}

static void prune_brings_back_what_nobody_watches(void)
{
    struct tiny_fs *fs = tiny_fs_new();
    if (!fs)
        return;
    struct watcher *watcher = use(fs, "d/f", TRUE);
    struct watcher *user = use(fs, "e/f", FALSE);
    g_assert_cmpint(tiny_fs_lookups(fs, "e/f"), >, 0);
    guint64 ids[] = {tiny_fs_id(fs, "d/f"), tiny_fs_id(fs, "e/f")};
    int error = session_prune(fs->session, ids, G_N_ELEMENTS(ids));
    if (error) {
        g_test_skip("this kernel has no FUSE_NOTIFY_PRUNE");
    } else {
        WAIT_UNTIL(tiny_fs_lookups(fs, "e/f") == 0);
        run_loop(100);
        g_assert_cmpint(tiny_fs_lookups(fs, "d/f"), >, 0);
    }
    watcher_free(watcher);
    watcher_free(user);
    tiny_fs_free(fs);
}

static void prune_takes_more_than_one_write(void)
{
    struct tiny_fs *fs = tiny_fs_new();
    if (!fs)
        return;
    struct watcher *user = use(fs, "e/f", FALSE);
    g_autofree guint64 *ids = g_new(guint64, 1201);
    for (int i = 0; i < 1201; i++)
        ids[i] = 1000000 + i;
    ids[1200] = tiny_fs_id(fs, "e/f");
    if (session_prune(fs->session, ids, 1201))
        g_test_skip("this kernel has no FUSE_NOTIFY_PRUNE");
    else
        WAIT_UNTIL(tiny_fs_lookups(fs, "e/f") == 0);
    watcher_free(user);
    tiny_fs_free(fs);
}

static void inval_attr_knows_what_the_kernel_holds(void)
{
    struct tiny_fs *fs = tiny_fs_new();
    if (!fs)
        return;
    struct watcher *user = use(fs, "d/f", FALSE);
    g_assert_cmpint(session_inval_attr(fs->session, tiny_fs_id(fs, "d/f")), ==, 0);
    g_assert_cmpint(session_inval_attr(fs->session, tiny_fs_id(fs, "e/f")), ==, ENOENT);
    watcher_free(user);
    tiny_fs_free(fs);
}

static void unmount_by_somebody_ends_it(void)
{
    struct tiny_fs *fs = tiny_fs_new();
    if (!fs)
        return;
    g_assert_cmpint(umount2(fs->mountpoint, 0), ==, 0);
    WAIT_UNTIL(fs->ended);
    tiny_fs_free(fs);
}

static void ignore_end(struct child *child, gpointer user_data)
{
}

/* A process that has `path` of the mount open. */
static struct child *opener_new(struct tiny_fs *fs)
{
    int ready[2];
    g_assert_cmpint(pipe2(ready, O_CLOEXEC | O_NONBLOCK), ==, 0);
    g_autofree char *script =
        g_strdup_printf("exec 8<'%s/d/f' && echo ok >&3 && exec sleep 60", fs->mountpoint);
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct child_config config = {
        .program = "/bin/sh",
        .argv = argv,
        .fd = ready[1],
        .error_fd = -1,
        .ended = ignore_end,
    };
    g_autofree char *why = NULL;
    struct child *child = child_new(&config, &why);
    g_assert_nonnull(child);
    char text[4];
    WAIT_UNTIL(read(ready[0], text, sizeof text) > 0);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void opener_free(struct child *child)
{
    child_kill(child, SIGKILL);
    child_wait(child, 1000);
    child_free(child);
}

static void busy_mount_is_detached_at_the_end(void)
{
    struct tiny_fs *fs = tiny_fs_new();
    if (!fs)
        return;
    struct child *opener = opener_new(fs);
    g_assert_true(is_mount(fs->mountpoint));
    tiny_fs_unmount(fs);
    g_assert_false(is_mount(fs->mountpoint));
    opener_free(opener);
    tiny_fs_free(fs);
}

static void aborted_mount_ends_and_is_detached(void)
{
    struct tiny_fs *fs = tiny_fs_new();
    if (!fs)
        return;
    struct child *opener = opener_new(fs);
    g_assert_cmpint(umount2(fs->mountpoint, MNT_FORCE), ==, -1);
    g_assert_cmpint(errno, ==, EBUSY);
    WAIT_UNTIL(fs->ended);
    g_assert_true(is_mount(fs->mountpoint));
    tiny_fs_unmount(fs);
    g_assert_false(is_mount(fs->mountpoint));
    opener_free(opener);
    tiny_fs_free(fs);
}

static void detached_mount_serves_on_and_its_end_leaves_the_path_alone(void)
{
    struct tiny_fs *fs = tiny_fs_new();
    if (!fs)
        return;
    struct child *opener = opener_new(fs);
    g_assert_cmpint(umount2(fs->mountpoint, MNT_DETACH), ==, 0);
    g_assert_cmpint(mount("none", fs->mountpoint, "tmpfs", 0, NULL), ==, 0);
    run_loop(50);
    g_assert_false(fs->ended);
    opener_free(opener);
    WAIT_UNTIL(fs->ended);
    tiny_fs_unmount(fs);
    g_assert_true(is_mount(fs->mountpoint));
    g_assert_cmpint(umount2(fs->mountpoint, 0), ==, 0);
    tiny_fs_free(fs);
}

/* What --serve is: a mount whose path is said on descriptor 3. */
static int serve(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct tiny_fs *fs = tiny_fs_new();
    dprintf(CHILD_FD, "%s", fs->mountpoint);
    while (!fs->ended)
        turn_loop();
    return 0;
}

static struct child *server_new(char **mountpoint)
{
    if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK)) {
        g_test_skip("mounting needs root and /dev/fuse");
        return NULL;
    }
    int said[2];
    g_assert_cmpint(pipe2(said, O_CLOEXEC | O_NONBLOCK), ==, 0);
    const char *const argv[] = {"server", "--serve", NULL};
    struct child_config config = {
        .program = "/proc/self/exe",
        .argv = argv,
        .fd = said[1],
        .error_fd = -1,
        .ended = ignore_end,
    };
    g_autofree char *why = NULL;
    struct child *child = child_new(&config, &why);
    g_assert_nonnull(child);
    char text[256];
    ssize_t length = 0;
    WAIT_UNTIL((length = read(said[0], text, sizeof text)) > 0);
    *mountpoint = g_strndup(text, length);
    close(said[0]);
    close(said[1]);
    return child;
}

static void kill_server(struct child *server)
{
    child_kill(server, SIGKILL);
    g_assert_true(child_wait(server, 5000));
    child_free(server);
}

static void dead_mount_of_ours_is_replaced(void)
{
    g_autofree char *mountpoint = NULL;
    struct child *server = server_new(&mountpoint);
    if (!server)
        return;
    kill_server(server);
    g_assert_true(is_mount(mountpoint));
    struct tiny_fs *fs = tiny_fs_new();
    g_autofree char *why = NULL;
    struct tiny_mount mount = {0};
    tiny_mount_make(&mount, fs, mountpoint, OPTIONS, &why);
    g_assert_cmpstr(why, ==, NULL);
    struct watcher *user = watcher_new(mountpoint, FALSE);
    g_assert_cmpstr(user->text->str, ==, "");
    watcher_free(user);
    tiny_mount_end(&mount);
    g_assert_false(is_mount(mountpoint));
    g_assert_cmpint(rmdir(mountpoint), ==, 0);
    tiny_fs_free(fs);
}

static void assert_refused(struct tiny_fs *fs, const char *mountpoint)
{
    g_autofree char *why = NULL;
    struct tiny_mount mount = {0};
    g_assert_false(tiny_mount_make(&mount, fs, mountpoint, OPTIONS, &why));
    g_autofree char *expected = g_strdup_printf("%s is a nacosfs mount already", mountpoint);
    g_assert_cmpstr(why, ==, expected);
}

static void living_mount_is_left_alone(void)
{
    g_autofree char *mountpoint = NULL;
    struct child *server = server_new(&mountpoint);
    if (!server)
        return;
    struct tiny_fs *fs = tiny_fs_new();
    gint64 start = g_get_monotonic_time();
    assert_refused(fs, mountpoint);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 900 * G_TIME_SPAN_MILLISECOND);
    g_assert_cmpint(child_status(server), ==, -1);
    tiny_fs_free(fs);
    kill_server(server);
    g_assert_cmpint(umount2(mountpoint, MNT_DETACH), ==, 0);
    g_assert_cmpint(rmdir(mountpoint), ==, 0);
}

/* Nobody serves it while mounting_make() looks: we are its daemon. */
static void hung_mount_is_left_alone(void)
{
    struct tiny_fs *fs = tiny_fs_new();
    if (!fs)
        return;
    run_loop(50);
    assert_refused(fs, fs->mountpoint);
    g_assert_true(is_mount(fs->mountpoint));
    tiny_fs_free(fs);
}

static void assert_error(const char *mountpoint, const char *options, const char *part)
{
    struct tiny_fs *fs = tiny_fs_new();
    if (!fs)
        return;
    g_autofree char *why = NULL;
    struct tiny_mount mount = {0};
    g_assert_false(tiny_mount_make(&mount, fs, mountpoint, options, &why));
    g_assert_nonnull(why);
    g_test_message("%s", why);
    g_assert_nonnull(strstr(why, part));
    g_assert_null(strchr(why, '\n'));
    tiny_fs_free(fs);
}

static void missing_mountpoint_is_refused(void)
{
    assert_error("/nonexistent/x", OPTIONS, "/nonexistent/x: No such file or directory");
}

static void file_as_mountpoint_is_refused(void)
{
    assert_error("/proc/self/exe", OPTIONS, "/proc/self/exe: Not a directory");
}

static void reason_of_libfuse_is_given(void)
{
    assert_error("/mnt", OPTIONS ",nonsense", "nonsense");
}

int main(int argc, char **argv)
{
    int status;
    if (watcher_or_helper_main(argc, argv, &status))
        return status;
    g_test_init(&argc, &argv, NULL);
    if (argc == 2 && g_str_equal(argv[1], "--serve"))
        return serve();
    g_test_add_func("/session/serves", requests_are_served);
    g_test_add_func("/session/cloexec", fuse_descriptor_is_close_on_exec);
    g_test_add_func("/session/prune", prune_brings_back_what_nobody_watches);
    g_test_add_func("/session/prune-many", prune_takes_more_than_one_write);
    g_test_add_func("/session/inval", inval_attr_knows_what_the_kernel_holds);
    g_test_add_func("/session/unmounted", unmount_by_somebody_ends_it);
    g_test_add_func("/session/busy", busy_mount_is_detached_at_the_end);
    g_test_add_func("/session/aborted", aborted_mount_ends_and_is_detached);
    g_test_add_func("/session/detached",
                    detached_mount_serves_on_and_its_end_leaves_the_path_alone);
    g_test_add_func("/session/dead", dead_mount_of_ours_is_replaced);
    g_test_add_func("/session/living", living_mount_is_left_alone);
    g_test_add_func("/session/hung", hung_mount_is_left_alone);
    g_test_add_func("/session/missing", missing_mountpoint_is_refused);
    g_test_add_func("/session/file", file_as_mountpoint_is_refused);
    g_test_add_func("/session/refused", reason_of_libfuse_is_given);
    return g_test_run();
}
