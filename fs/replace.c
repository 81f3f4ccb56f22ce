/* SPDX-License-Identifier: MIT */
#include "fs/replace.h"

#include "fs/child.h"
#include "fs/state.h"
#include "fs/wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_S 60
#define MOST_TEXT 512

struct replace {
    int fd;
    GSource *source;
    void (*asked)(int asker, int program, gpointer user_data);
    gpointer user_data;
};

struct question {
    guint32 layout; /* STATE_LAYOUT of the new binary */
};

static socklen_t address_of(pid_t keeper, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length =
        g_snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "nacosfs-%d", (int)keeper);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (gsize)length);
}

static int open_socket(int flags)
{
    return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
}

/* --- the keeper's side --------------------------------------------------------------------- */

static gboolean may_ask(int asker)
{
    struct ucred peer;
    socklen_t length = sizeof peer;
    return getsockopt(asker, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

/* The question and the executable's descriptor; -1 if it is none. */
static int receive_question(int asker, struct question *question)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {question, sizeof *question};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    struct timeval second = {.tv_sec = 1};
    int fd = -1;
    setsockopt(asker, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    ssize_t length = recvmsg(asker, &message, MSG_CMSG_CLOEXEC);
    const struct cmsghdr *rights = length < 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (rights && rights->cmsg_type == SCM_RIGHTS && rights->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(rights), sizeof fd);
    if (length == sizeof *question || fd < 0)
        return fd;
    close(fd);
    return -1;
}

void replace_answer(int asker, const char *why)
{
    const char *text = why ? why : "";
    send(asker, text, strlen(text) + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(asker);
}

static gboolean somebody_asks(int fd, GIOCondition condition, gpointer user_data)
{
    struct replace *replace = user_data;
    struct question question = {0};
    int asker = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    if (asker < 0)
        return G_SOURCE_CONTINUE;
    int program = may_ask(asker) ? receive_question(asker, &question) : -1;
    if (program >= 0 && question.layout == STATE_LAYOUT) {
        replace->asked(child_raise_fd(asker), child_raise_fd(program), replace->user_data);
        return G_SOURCE_CONTINUE;
    }
    g_autofree char *why =
        program < 0
            ? g_strdup("not allowed, or not understood")
            : g_strdup_printf("the new nacosfs keeps a mount's state in layout %u, this mount "
                              "has layout %d: unmount and mount again",
                              question.layout, STATE_LAYOUT);
    if (program >= 0)
        close(program);
    replace_answer(asker, why);
    return G_SOURCE_CONTINUE;
}

struct replace *replace_new(void (*asked)(int asker, int program, gpointer user_data),
                            gpointer user_data, char **why)
{
    struct sockaddr_un address;
    socklen_t length = address_of(getpid(), &address);
    int fd = open_socket(SOCK_NONBLOCK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) || listen(fd, 1)) {
        *why = g_strdup_printf("control socket: %s", g_strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    struct replace *replace = g_new0(struct replace, 1);
    replace->fd = fd;
    replace->asked = asked;
    replace->user_data = user_data;
    replace->source = g_unix_fd_source_new(fd, G_IO_IN);
    g_source_set_callback(replace->source, G_SOURCE_FUNC(somebody_asks), replace, NULL);
    g_source_attach(replace->source, NULL);
    return replace;
}

void replace_free(struct replace *replace)
{
    if (!replace)
        return;
    wakeup_clear(&replace->source);
    close(replace->fd);
    g_free(replace);
}

/* --- the asker's side ---------------------------------------------------------------------- */

static gboolean send_question(int fd, int program)
{
    struct question question = {.layout = STATE_LAYOUT};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {&question, sizeof question};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof program);
    memcpy(CMSG_DATA(rights), &program, sizeof program);
    return sendmsg(fd, &message, MSG_NOSIGNAL) == sizeof question;
}

static char *wait_for_answer(int fd)
{
    char text[MOST_TEXT + 1];
    struct timeval patience = {.tv_sec = PATIENCE_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t length = recv(fd, text, MOST_TEXT, 0);
    if (length <= 0)
        return g_strdup("the keeper has not answered");
    text[length] = '\0';
    return *text ? g_strdup(text) : NULL;
}

gboolean replace_ask(pid_t keeper, char **why)
{
    struct sockaddr_un address;
    socklen_t length = address_of(keeper, &address);
    int program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int fd = open_socket(0);
    if (fd < 0 || program < 0 || connect(fd, (struct sockaddr *)&address, length) ||
        !send_question(fd, program))
        *why = g_strdup_printf("the keeper (pid %d) cannot be asked: %s", (int)keeper,
                               g_strerror(errno));
    else
        *why = wait_for_answer(fd);
    close(program);
    close(fd);
    return *why == NULL;
}
