/* SPDX-License-Identifier: MIT */
#include "fs/fdstore.h"

#include "fs/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

/* "@name" is an abstract address. 0 = there is no manager. */
static socklen_t manager(struct sockaddr_un *address)
{
    const char *path = g_getenv("NOTIFY_SOCKET");
    gsize length = path ? strlen(path) : 0;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (length < 2 || length >= sizeof address->sun_path || !strchr("@/", *path))
        return 0;
    memcpy(address->sun_path, path, length);
    if (*path == '@')
        *address->sun_path = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

/* `fd`: -1 = none goes along. */
static void notify(const char *text, int fd)
{
    struct sockaddr_un address;
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {(void *)text, strlen(text)};
    struct msghdr message = {.msg_name = &address, .msg_iov = &part, .msg_iovlen = 1};
    message.msg_namelen = manager(&address);
    if (fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    }
    int manager_fd = message.msg_namelen ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    if (manager_fd < 0)
        return;
    if (sendmsg(manager_fd, &message, MSG_NOSIGNAL) < 0)
        g_message("the service manager cannot be told: %s", g_strerror(errno));
    close(manager_fd);
}

void fdstore_put(int fuse, int state)
{
    notify("FDSTORE=1\nFDNAME=fuse\nFDPOLL=0", fuse);
    notify("FDSTORE=1\nFDNAME=state\nFDPOLL=0", state);
    notify("READY=1", -1);
}

void fdstore_remove(void)
{
    notify("FDSTOREREMOVE=1\nFDNAME=fuse", -1);
    notify("FDSTOREREMOVE=1\nFDNAME=state", -1);
}

gboolean fdstore_take(int *fuse, int *state)
{
    const char *count = g_getenv("LISTEN_FDS"), *pid = g_getenv("LISTEN_PID");
    g_auto(GStrv) names =
        g_strsplit(g_getenv("LISTEN_FDNAMES") ? g_getenv("LISTEN_FDNAMES") : "", ":", -1);
    *fuse = *state = -1;
    if (!count || !pid || strtol(pid, NULL, 10) != getpid())
        return FALSE;
    long n = strtol(count, NULL, 10);
    for (int i = 0; i < n && names[i]; i++) {
        int *wanted = strcmp(names[i], "fuse") == 0    ? fuse
                      : strcmp(names[i], "state") == 0 ? state
                                                       : NULL;
        if (wanted && *wanted < 0)
            *wanted = child_raise_fd(FIRST_FD + i);
    }
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDNAMES");
    return *fuse >= 0 && *state >= 0;
}
