/* SPDX-License-Identifier: MIT */
#include "fs/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define MOST_TEXT 2000

GPtrArray *control_argv(const char *role, const char *mountpoint, char **arguments)
{
    GPtrArray *argv = g_ptr_array_new();
    g_ptr_array_add(argv, "nacosfs");
    g_ptr_array_add(argv, (char *)role);
    g_ptr_array_add(argv, (char *)mountpoint);
    for (; *arguments; arguments++)
        g_ptr_array_add(argv, *arguments);
    g_ptr_array_add(argv, NULL);
    return argv;
}

gboolean control_pair(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0;
}

void control_send(int fd, enum control_word word, const char *text)
{
    char message[MOST_TEXT] = {(char)word};
    g_strlcpy(message + 1, text ? text : "", sizeof message - 1);
    if (send(fd, message, 1 + strlen(message + 1), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        g_debug("control socket: %s", g_strerror(errno));
}

enum control_word control_receive(int fd, char **text)
{
    char message[MOST_TEXT + 1];
    ssize_t length = recv(fd, message, MOST_TEXT, MSG_DONTWAIT);
    *text = NULL;
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return CONTROL_NOTHING;
    if (length <= 0)
        return CONTROL_CLOSED;
    message[length] = '\0';
    *text = g_strdup(message + 1);
    return (enum control_word)message[0];
}
