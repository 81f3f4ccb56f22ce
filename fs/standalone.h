/* SPDX-License-Identifier: MIT
 *
 * SOURCE "standalone": the registry that runs as long as the mount does. `nacos-registry --listen
 * ADDR:PORT
 * --ready-fd N --alive-fd M`, found beside our own executable, else in PATH; when it accepts
 * requests it writes "ADDR:PORT\n", the port it really has, to descriptor N. What it says on stderr
 * goes to our log. Started again on the same port when it dies.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

struct standalone;

struct standalone_config {
    const char *listen; /* ADDR:PORT, port 0 = a free one */
    const char
        *mountpoint; /* for the registry's line in ps, where every process of a mount shows it */
    const char *program; /* of the registry; NULL = found as above */
    int alive_fd;        /* it ends when the other end of this pipe is closed everywhere; stays open
                            here; CHILD_SAFE_FD or above */
    pid_t running;       /* one that an earlier process started, at `listen`; 0 = start one */
    /* It was started, or has ended (0). May be NULL. */
    void (*changed)(pid_t pid, gpointer user_data);
    gpointer user_data;
};

/* Starts it and waits until it is ready, 5 s at most: before the loop runs. Everything in `config`
 * is borrowed. NULL and exactly one line in *why (new string). Watches on the thread-default main
 * context. */
struct standalone *standalone_new(const struct standalone_config *config, char **why);

/* SIGTERM, after a second SIGKILL. NULL is allowed. */
void standalone_free(struct standalone *standalone);

/* "ADDR:PORT" to mount. Borrowed. */
const char *standalone_address(const struct standalone *standalone);
/* 0 while it is not running. */
pid_t standalone_pid(const struct standalone *standalone);
