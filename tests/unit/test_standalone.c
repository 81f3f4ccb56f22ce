/* SPDX-License-Identifier: MIT
 *
 * The registry is this program itself: what it does is told by FAKE_REGISTRY.
 */
#include "fs/child.h"
#include "fs/listen_address.h"
#include "fs/standalone.h"
#include "watcher.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_on(guint16 *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 8))
        return -1;
    getsockname(fd, (struct sockaddr *)&address, &length);
    *port = ntohs(address.sin_port);
    return fd;
}

static int fake_registry(int argc, char **argv)
{
    const char *kind = g_getenv("FAKE_REGISTRY");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (g_str_equal(kind, "fail")) {
        fprintf(stderr, "reading the state\nstate is locked by 17\n");
        return 1;
    }
    if (g_str_equal(kind, "silent"))
        return 3;
    if (g_str_equal(kind, "stubborn"))
        signal(SIGTERM, SIG_IGN);
    struct listen_address address;
    g_autofree char *why = NULL;
    g_assert_true(listen_address_parse(argv[2], &address, &why));
    g_assert_cmpstr(argv[3], ==, "--ready-fd");
    g_assert_cmpstr(argv[5], ==, "--alive-fd");
    if (listen_on(&address.port) < 0)
        return 1;
    signal(SIGPIPE, SIG_DFL); /* dies if nobody is there to hear it */
    dprintf(atoi(argv[4]), "127.0.0.1:%u\n", address.port);
    pause();
    return 0;
}

static struct standalone *start(const char *kind, const char *listen, char **why)
{
    static int alive = -1; /* a pipe's end that nobody closes */
    int ends[2];
    if (alive < 0) {
        g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
        alive = fcntl(ends[0], F_DUPFD_CLOEXEC, CHILD_SAFE_FD);
    }
    struct standalone_config config = {.listen = listen,
                                       .mountpoint = "/mnt/somewhere",
                                       .program = "/proc/self/exe",
                                       .alive_fd = alive};
    g_setenv("FAKE_REGISTRY", kind, TRUE);
    return standalone_new(&config, why);
}

static struct standalone *start_well(const char *kind)
{
    g_autofree char *why = NULL;
    struct standalone *standalone = start(kind, "127.0.0.1:0", &why);
    g_assert_cmpstr(why, ==, NULL);
    return standalone;
}

static gboolean accepts(const char *text)
{
    struct listen_address address;
    g_autofree char *why = NULL;
    g_assert_true(listen_address_parse(text, &address, &why));
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons(address.port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gboolean connected = !connect(fd, (struct sockaddr *)&in, sizeof in);
    close(fd);
    return connected;
}

static void registry_is_ready_on_a_free_port(void)
{
    struct standalone *standalone = start_well("good");
    g_assert_true(g_str_has_prefix(standalone_address(standalone), "127.0.0.1:"));
    g_assert_false(g_str_has_suffix(standalone_address(standalone), ":0"));
    g_assert_true(accepts(standalone_address(standalone)));
    standalone_free(standalone);
}

static void registry_shows_the_mountpoint(void)
{
    struct standalone *standalone = start_well("good");
    g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", standalone_pid(standalone));
    g_autofree char *line = NULL;
    g_assert_true(g_file_get_contents(path, &line, NULL, NULL));
    g_assert_cmpstr(line, ==, "nacos-registry: /mnt/somewhere");
    standalone_free(standalone);
}

static void registry_that_dies_is_started_again_on_its_port(void)
{
    struct standalone *standalone = start_well("good");
    g_autofree char *address = g_strdup(standalone_address(standalone));
    for (int i = 0; i < 3; i++) {
        pid_t pid = standalone_pid(standalone);
        kill(pid, SIGKILL);
        WAIT_UNTIL(standalone_pid(standalone) && standalone_pid(standalone) != pid);
        WAIT_UNTIL(accepts(address));
    }
    g_assert_cmpstr(standalone_address(standalone), ==, address);
    standalone_free(standalone);
}

static void registry_ends_with_us(const char *kind)
{
    struct standalone *standalone = start_well(kind);
    g_autofree char *address = g_strdup(standalone_address(standalone));
    pid_t pid = standalone_pid(standalone);
    standalone_free(standalone);
    WAIT_UNTIL(!accepts(address));
    g_assert_true(kill(pid, 0) == -1 || kind[0] == 's');
}

static void registry_ends_by_sigterm(void)
{
    registry_ends_with_us("good");
}

static void registry_that_ignores_sigterm_is_killed(void)
{
    registry_ends_with_us("stubborn");
}

static void port_in_use_says_what_to_mount(void)
{
    guint16 port = 0;
    int fd = listen_on(&port);
    g_autofree char *listen = g_strdup_printf("127.0.0.1:%u", port);
    g_autofree char *why = NULL;
    g_assert_null(start("good", listen, &why));
    g_autofree char *expected = g_strdup_printf(
        "%s is in use; if a Nacos server runs there, mount it: nacosfs %s MOUNTPOINT, or choose "
        "another port with -o listen=ADDR:PORT",
        listen, listen);
    g_assert_cmpstr(why, ==, expected);
    close(fd);
}

static void last_words_of_a_failed_start_are_the_reason(void)
{
    g_autofree char *why = NULL;
    g_assert_null(start("fail", "127.0.0.1:0", &why));
    g_assert_cmpstr(why, ==, "nacos-registry: state is locked by 17");
}

static void silent_end_of_a_failed_start_is_told(void)
{
    g_autofree char *why = NULL;
    g_assert_null(start("silent", "127.0.0.1:0", &why));
    g_assert_cmpstr(why, ==, "nacos-registry: ended with status 3");
}

static void assert_listen(const char *text, const char *formatted, const char *client)
{
    struct listen_address address;
    g_autofree char *why = NULL;
    if (!formatted) {
        g_assert_false(listen_address_parse(text, &address, &why));
        g_assert_nonnull(why);
        return;
    }
    g_assert_true(listen_address_parse(text, &address, &why));
    g_autofree char *one = listen_address_format(&address);
    g_autofree char *other = listen_address_for_client(&address);
    g_assert_cmpstr(one, ==, formatted);
    g_assert_cmpstr(other, ==, client);
}

static void listen_addresses(void)
{
    assert_listen("127.0.0.1:8848", "127.0.0.1:8848", "127.0.0.1:8848");
    assert_listen("0.0.0.0:0", "0.0.0.0:0", "127.0.0.1:0");
    assert_listen("[::]:65535", "[::]:65535", "[::1]:65535");
    assert_listen("[0:0::1]:1", "[::1]:1", "[::1]:1");
    const char *const bad[] = {
        "",      ":1",         "localhost:1", "127.0.0.1",  "127.0.0.1:", "1.2.3.4:65536",
        "::1:1", "1.2.3.4:-1", "[]:1",        "[1.2.3.4]:1"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_listen(bad[i], NULL, NULL);
}

int main(int argc, char **argv)
{
    if (argc > 2 && g_str_equal(argv[1], "--listen"))
        return fake_registry(argc, argv);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/standalone/ready", registry_is_ready_on_a_free_port);
    g_test_add_func("/standalone/cmdline", registry_shows_the_mountpoint);
    g_test_add_func("/standalone/restart", registry_that_dies_is_started_again_on_its_port);
    g_test_add_func("/standalone/term", registry_ends_by_sigterm);
    g_test_add_func("/standalone/kill", registry_that_ignores_sigterm_is_killed);
    g_test_add_func("/standalone/in-use", port_in_use_says_what_to_mount);
    g_test_add_func("/standalone/fail", last_words_of_a_failed_start_are_the_reason);
    g_test_add_func("/standalone/silent", silent_end_of_a_failed_start_is_told);
    g_test_add_func("/standalone/listen", listen_addresses);
    return g_test_run();
}
