/* SPDX-License-Identifier: MIT */
#include "fs/keeper_private.h"

#include "fs/fdstore.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static gboolean fail(struct keeper *keeper, const char *what)
{
    keeper->why = g_strdup_printf("%s: %s", what, g_strerror(errno));
    return FALSE;
}

/* --- a new mount --------------------------------------------------------------------------- */

static gboolean open_alive(struct keeper *keeper)
{
    if (pipe2(keeper->alive, O_CLOEXEC))
        return fail(keeper, "pipe");
    keeper->alive[0] = child_raise_fd(keeper->alive[0]);
    keeper->alive[1] = child_raise_fd(keeper->alive[1]);
    return TRUE;
}

static gboolean map_shared(struct keeper *keeper)
{
    keeper->shared = state_map_shared(keeper->state, &keeper->why);
    if (keeper->shared)
        keeper->shared->keeper_pid = (guint64)getpid();
    return keeper->shared != NULL;
}

static gboolean open_state(struct keeper *keeper)
{
    keeper->state = child_raise_fd(state_create());
    return keeper->state >= 0 ? map_shared(keeper) : fail(keeper, "memfd");
}

static void registry_changed(pid_t pid, gpointer user_data)
{
    struct keeper *keeper = user_data;
    keeper->shared->registry_pid = (guint64)pid;
}

/* `running`: one that an earlier keeper started; 0 = start it, where it was before if there was
 * one.
 */
static gboolean open_registry(struct keeper *keeper, pid_t running)
{
    const struct mount_options *options = keeper->config->options;
    char *address = keeper->shared->address;
    if (strcmp(options->source, "standalone") != 0)
        return TRUE;
    const struct standalone_config config = {.listen = *address ? address : options->listen,
                                             .mountpoint = options->mountpoint,
                                             .alive_fd = keeper->alive[0],
                                             .running = running,
                                             .changed = registry_changed,
                                             .user_data = keeper};
    keeper->registry = standalone_new(&config, &keeper->why);
    if (keeper->registry && !*address)
        g_strlcpy(address, standalone_address(keeper->registry), sizeof keeper->shared->address);
    return keeper->registry != NULL;
}

static gboolean make_mount(struct keeper *keeper)
{
    const struct keeper_config *config = keeper->config;
    return open_alive(keeper) && open_state(keeper) && open_registry(keeper, 0) &&
           mounting_make(&keeper->mounting, config->fuse_args, config->options->mountpoint,
                         &keeper->why);
}

/* --- a mount that is there ----------------------------------------------------------------- */

/* Neither keeper nor daemon lived meanwhile, and so the registry ended, too. */
static gboolean take_stored(struct keeper *keeper, int fuse, int state)
{
    keeper->state = state;
    mounting_adopt(&keeper->mounting, fuse, keeper->config->options->mountpoint);
    return open_alive(keeper) && map_shared(keeper) && open_registry(keeper, 0);
}

static int take_if_open(int fd)
{
    return fcntl(fd, F_GETFD) < 0 ? -1 : child_raise_fd(fd);
}

void keeper_take_descriptors(struct keeper *keeper)
{
    keeper->control = take_if_open(KEEPER_FD_CONTROL);
    keeper->mounting.fd = child_raise_fd(KEEPER_FD_FUSE);
    keeper->state = child_raise_fd(KEEPER_FD_STATE);
    keeper->alive[1] = child_raise_fd(KEEPER_FD_ALIVE);
    keeper->alive[0] = child_raise_fd(KEEPER_FD_LAST);
    keeper->asker = take_if_open(KEEPER_FD_ASKER);
    keeper->fallback = take_if_open(KEEPER_FD_FALLBACK);
}

static gboolean take_over(struct keeper *keeper)
{
    mounting_adopt(&keeper->mounting, keeper->mounting.fd, keeper->config->options->mountpoint);
    keeper->was_ready = TRUE;
    return map_shared(keeper) && open_registry(keeper, (pid_t)keeper->shared->registry_pid);
}

/* --- both ---------------------------------------------------------------------------------- */

static void asked(int asker, int program, gpointer user_data)
{
    keeper_replace(user_data, asker, program);
}

/* Without it the mount goes on all the same, only not behind another binary. */
static void open_replace(struct keeper *keeper)
{
    g_autofree char *why = NULL;
    keeper->replace = replace_new(asked, keeper, &why);
    if (!keeper->replace)
        g_message("%s", why);
}

gboolean keeper_open(struct keeper *keeper)
{
    int fuse, state;
    gboolean opened;
    if (keeper->config->takes_over)
        opened = take_over(keeper);
    else if (fdstore_take(&fuse, &state))
        opened = take_stored(keeper, fuse, state);
    else
        opened = make_mount(keeper);
    if (opened)
        open_replace(keeper);
    return opened;
}

void keeper_close(struct keeper *keeper)
{
    replace_free(keeper->replace);
    if (keeper->mounting.mountpoint)
        mounting_end(&keeper->mounting);
    standalone_free(keeper->registry);
    state_unmap_shared(keeper->shared);
    g_free(keeper->why);
}

void keeper_answer(struct keeper *keeper, const char *why)
{
    if (keeper->asker >= 0)
        replace_answer(keeper->asker, why);
    keeper->asker = -1;
}

/* Closed in the new program if there is none: the numbers are ours to give. */
static void hand_on(int fd, int number)
{
    if (fd < 0)
        close(number);
    else
        dup2(fd, number);
}

/* Our pid stays, and with it the registry and all that are our children. From the first dup2 on
 * there is no way back: the numbers belong to this program's loop. */
void keeper_become(struct keeper *keeper, int program, int fallback)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", program);
    g_autoptr(GPtrArray) argv =
        control_argv("--keeper", keeper->mounting.mountpoint, keeper->config->arguments);
    if (access(path, X_OK))
        return;
    close(KEEPER_FD_CONTROL);
    hand_on(keeper->mounting.fd, KEEPER_FD_FUSE);
    hand_on(keeper->state, KEEPER_FD_STATE);
    hand_on(keeper->alive[1], KEEPER_FD_ALIVE);
    hand_on(keeper->alive[0], KEEPER_FD_LAST);
    hand_on(keeper->asker, KEEPER_FD_ASKER);
    hand_on(fallback, KEEPER_FD_FALLBACK);
    execve(path, (char *const *)argv->pdata, environ);
}
