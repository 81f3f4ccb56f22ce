/* SPDX-License-Identifier: MIT
 *
 * A program of our own beside us: started with chosen descriptors and nothing else, its end seen
 * through a pidfd (pidfd_open(2)) on the loop.
 *
 * The process is reaped by child_free() and never before, so while a struct child exists its pid
 * cannot have been given to another process. GLib's child watches are not used: they reap before
 * they call.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#define CHILD_FD 3 /* number of the descriptor that is handed over, in the new program */
#define CHILD_MORE 4
#define CHILD_SAFE_FD 10 /* above all numbers that descriptors can have in the new program */

struct child;

struct child_config {
    const char *program;     /* path of the executable */
    const char *const *argv; /* NULL-terminated; argv[0] is what ps shows */
    int fd;                  /* above 2; becomes CHILD_FD; -1 = none */
    int error_fd;            /* above 2; becomes its stderr; -1 = it inherits ours */
    /* The process has ended and is not reaped yet. Called once, from the loop; child_free() is
     * allowed in it. Not called after child_free(). */
    void (*ended)(struct child *child, gpointer user_data);
    gpointer user_data;
    /* Further descriptors, CHILD_FD + 1 and so on in the new program; then all that are handed over
     * stand at CHILD_SAFE_FD or above. */
    guint n_more;
    int more[CHILD_MORE];
};

/* Starts the program: working directory /, stdin and stdout /dev/null, session of its own (no
 * signal from our terminal), every signal at its default and unblocked, no descriptor but those
 * above. The watch is on the thread-default main context. Everything in `config` is borrowed; both
 * descriptors may be closed afterwards. NULL and a reason in *why (new string). */
struct child *child_new(const struct child_config *config, char **why);

/* The same descriptor at CHILD_SAFE_FD or above, close-on-exec; `fd` is closed. -1 stays -1; -1 and
 * errno if there is no number left. */
int child_raise_fd(int fd);

/* The same watch on a process that somebody else has started: it is not reaped here, and its status
 * may stay unknown. FALSE in *why as above. */
struct child *child_adopt(pid_t pid, void (*ended)(struct child *child, gpointer user_data),
                          gpointer user_data, char **why);

/* Ends the watch and leaves the process alone. */
void child_release(struct child *child);

/* SIGKILLs it if it lives, reaps it if it is dead by now, and never waits: one that lies in D state
 * is left to our own parent (or init) to be reaped. */
void child_free(struct child *child);

pid_t child_pid(const struct child *child);
void child_kill(const struct child *child, int signal);

/* Waits at most `timeout_ms` (0 = only looks), for start and end, when no loop runs: TRUE if it has
 * ended. Does not reap. */
gboolean child_wait(const struct child *child, int timeout_ms);

/* Exit status as a shell shows it (128 + signal), -1 while it lives. */
int child_status(const struct child *child);
