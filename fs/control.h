/* SPDX-License-Identifier: MIT
 *
 * What keeper and daemon say to each other: one datagram a word (SOCK_SEQPACKET), a letter and
 * perhaps a text. Everything else that they share stands in struct state_shared.
 */
#pragma once

#include <glib.h>

enum control_word {
    CONTROL_NOTHING = 0, /* no datagram there */
    CONTROL_CLOSED = -1, /* the other end is closed */
    /* keeper to daemon */
    CONTROL_QUIT = 'Q',   /* deregister and end */
    CONTROL_RELOAD = 'H', /* read the server list and the credentials again */
    CONTROL_LEAVE = 'L',  /* end between two requests: the next daemon takes over */
    /* daemon to keeper */
    CONTROL_READY = 'R', /* requests are answered from now on */
    CONTROL_ERROR = 'E', /* why it cannot start */
};

/* How a daemon ends, in state_shared.farewell. */
enum farewell {
    FAREWELL_NONE = 0,    /* not by itself */
    FAREWELL_DONE = 1,    /* all deregistered: the mount is to end */
    FAREWELL_LEFT = 2,    /* as ordered; all is left as it is */
    FAREWELL_REFUSED = 3, /* it cannot take over what is there */
};

/* "nacosfs --ROLE MOUNTPOINT ARGUMENT...": how a keeper starts a daemon, a daemon a keeper, and a
 * keeper one of another binary. Options come over as they were given, and ps shows whose process it
 * is. New NULL-terminated array; its strings are borrowed. */
GPtrArray *control_argv(const char *role, const char *mountpoint, char **arguments);

/* A pair of non-blocking sockets, close-on-exec. FALSE and errno. */
gboolean control_pair(int ends[2]);
/* `text` may be NULL. Never blocks; what the other end cannot take any more is lost with it. */
void control_send(int fd, enum control_word word, const char *text);
/* The next word; its text, a new string, in *text. */
enum control_word control_receive(int fd, char **text);
