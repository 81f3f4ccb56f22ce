/* SPDX-License-Identifier: MIT */
#include "fs/dead_mount.h"

#include "fs/child.h"
#include "fs/mountinfo.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBE_MS 1000
#define DETACH_MS 5000
#define MOST_CORPSES 16 /* one on top of the other */

/* In the process that may hang. */
static void probe(const char *mountpoint)
{
    struct stat stat_buffer;
    close_range(STDERR_FILENO + 1, ~0u, 0);
    _exit(stat(mountpoint, &stat_buffer) && errno == ENOTCONN);
}

/* Only a request to the daemon tells whether it lives, and a hung one would hold us for ever: so
 * another process asks, and one that does not come back in time has found a daemon. It cannot
 * always be killed (its request may be taken): init reaps it then. */
static gboolean is_dead(const char *mountpoint)
{
    pid_t pid = fork();
    if (pid == 0)
        probe(mountpoint);
    if (pid < 0)
        return FALSE;
    struct pollfd end = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    int status = -1;
    if (end.fd >= 0 && poll(&end, 1, PROBE_MS) == 1)
        waitpid(pid, &status, 0);
    else
        kill(pid, SIGKILL);
    if (end.fd >= 0)
        close(end.fd);
    return status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static void ignore_end(struct child *child, gpointer user_data)
{
}

static int detach_by_fusermount(const char *mountpoint)
{
    g_autofree char *program = g_find_program_in_path("fusermount3");
    if (!program)
        return ENOENT;
    const char *const argv[] = {"fusermount3", "-u", "-z", "-q", "--", mountpoint, NULL};
    const struct child_config config = {
        .program = program, .argv = argv, .fd = -1, .error_fd = -1, .ended = ignore_end};
    g_autofree char *why = NULL;
    struct child *child = child_new(&config, &why);
    if (!child)
        return EAGAIN;
    child_wait(child, DETACH_MS);
    int status = child_status(child);
    child_free(child);
    return status == 0 ? 0 : EPERM;
}

int dead_mount_detach(const char *mountpoint)
{
    if (!umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW))
        return 0;
    return errno == EPERM ? detach_by_fusermount(mountpoint) : errno;
}

static gboolean is_ours(const char *mountpoint)
{
    g_autofree char *type = NULL;
    guint64 device;
    return mountinfo_at(mountpoint, &type, &device) && g_str_equal(type, "fuse.nacosfs");
}

gboolean dead_mount_clear(const char *mountpoint, char **why)
{
    for (int i = 0; i < MOST_CORPSES && is_ours(mountpoint); i++) {
        if (!is_dead(mountpoint)) {
            *why = g_strdup_printf("%s is a nacosfs mount already", mountpoint);
            return FALSE;
        }
        int error = dead_mount_detach(mountpoint);
        if (error) {
            *why = g_strdup_printf("cannot detach the dead nacosfs mount at %s: %s", mountpoint,
                                   g_strerror(error));
            return FALSE;
        }
    }
    return TRUE;
}
