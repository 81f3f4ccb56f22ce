/* SPDX-License-Identifier: MIT */
#include "fs/adoption.h"

#include "fs/child.h"
#include "fs/keeper.h"
#include "fs/wakeup.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <unistd.h>

#define AGAIN_MS 1000 /* until a keeper that could not be started is tried again */

struct adoption {
    struct adoption_config config;
    struct child *keeper; /* NULL = none lives */
    GSource *words;
    GSource *retry;
};

static gboolean words_came(gint fd, GIOCondition condition, gpointer user_data)
{
    struct adoption *adoption = user_data;
    g_autofree char *text = NULL;
    enum control_word word = control_receive(fd, &text);
    if (word > CONTROL_NOTHING)
        adoption->config.word(word, adoption->config.user_data);
    return word == CONTROL_CLOSED ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

static void watch_words(struct adoption *adoption)
{
    adoption->words = g_unix_fd_source_new(KEEPER_FD_CONTROL, G_IO_IN | G_IO_HUP);
    g_source_set_callback(adoption->words, G_SOURCE_FUNC(words_came), adoption, NULL);
    g_source_attach(adoption->words, NULL);
}

static void keeper_ended(struct child *child, gpointer user_data);

static struct child *spawn(struct adoption *adoption, int control, char **why)
{
    g_autoptr(GPtrArray) argv =
        control_argv("--keeper", adoption->config.options->mountpoint, adoption->config.arguments);
    struct child_config config = {
        .program = "/proc/self/exe",
        .argv = (const char *const *)argv->pdata,
        .fd = fcntl(control, F_DUPFD_CLOEXEC, CHILD_SAFE_FD),
        .error_fd = -1,
        .ended = keeper_ended,
        .user_data = adoption,
        .n_more = KEEPER_FD_LAST - KEEPER_FD_CONTROL,
    };
    for (guint i = 0; i < config.n_more; i++)
        config.more[i] = fcntl(KEEPER_FD_FUSE + (int)i, F_DUPFD_CLOEXEC, CHILD_SAFE_FD);
    adoption->config.environment(TRUE, adoption->config.user_data);
    struct child *child = child_new(&config, why);
    adoption->config.environment(FALSE, adoption->config.user_data);
    close(config.fd);
    for (guint i = 0; i < config.n_more; i++)
        close(config.more[i]);
    return child;
}

/* It gets the other end of a new socket; ours takes the old one's number. */
static void start_keeper(gpointer user_data)
{
    struct adoption *adoption = user_data;
    g_autofree char *why = NULL;
    int ends[2];
    if (control_pair(ends)) {
        adoption->keeper = spawn(adoption, ends[1], &why);
        wakeup_clear(&adoption->words);
        dup3(ends[0], KEEPER_FD_CONTROL, O_CLOEXEC);
        close(ends[0]);
        close(ends[1]);
        watch_words(adoption);
    }
    if (adoption->keeper)
        return;
    g_warning("a new keeper cannot be started: %s", why ? why : "no socket");
    g_source_set_ready_time(adoption->retry,
                            g_get_monotonic_time() + AGAIN_MS * G_TIME_SPAN_MILLISECOND);
}

static void keeper_ended(struct child *child, gpointer user_data)
{
    struct adoption *adoption = user_data;
    g_message("the keeper has ended: a new one is started");
    g_clear_pointer(&adoption->keeper, child_free);
    start_keeper(adoption);
}

struct adoption *adoption_new(const struct adoption_config *config)
{
    struct adoption *adoption = g_new0(struct adoption, 1);
    g_autofree char *why = NULL;
    adoption->config = *config;
    adoption->retry = wakeup_new(G_PRIORITY_DEFAULT, start_keeper, adoption);
    watch_words(adoption);
    adoption->keeper = child_adopt(config->keeper, keeper_ended, adoption, &why);
    if (!adoption->keeper)
        start_keeper(adoption);
    return adoption;
}

void adoption_free(struct adoption *adoption)
{
    if (!adoption)
        return;
    wakeup_clear(&adoption->words);
    wakeup_clear(&adoption->retry);
    child_release(adoption->keeper);
    g_free(adoption);
}
