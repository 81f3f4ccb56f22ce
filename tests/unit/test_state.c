/* SPDX-License-Identifier: MIT */
#include "fs/state.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct state *open_state(int fd)
{
    char *why = NULL;
    struct state *state = state_open(fd, &why);
    g_assert_no_error((GError *)NULL);
    g_assert_cmpstr(why, ==, NULL);
    g_assert_nonnull(state);
    return state;
}

/* As the next daemon finds it. */
static struct state *reopen(struct state *state, int fd)
{
    state_close(state);
    return open_state(fd);
}

static struct record *only(struct state *state, enum record_type type)
{
    struct record *found = NULL;
    for (guint i = 0; i < state_high(state); i++) {
        struct record *record = state_at(state, i, type);
        g_assert_true(!record || !found);
        found = record ? record : found;
    }
    return found;
}

static void record_is_there_for_the_next(void)
{
    int fd = state_create();
    struct state *state = open_state(fd);
    const guint64 words[STATE_WORDS] = {1, 2, 3, 4, 5, 6};
    state_add(state, RECORD_GROUP, 77, words, "name", 4);
    state = reopen(state, fd);
    struct record *record = only(state, RECORD_GROUP);
    gsize length;
    g_autofree char *bytes = state_get_bytes(state, record, &length);
    g_assert_cmpuint(record->id, ==, 77);
    g_assert_cmpuint(record->words[5], ==, 6);
    g_assert_cmpstr(bytes, ==, "name");
    g_assert_cmpuint(length, ==, 4);
    state_close(state);
    close(fd);
}

static void bytes_of_every_length(void)
{
    int fd = state_create();
    struct state *state = open_state(fd);
    g_autofree char *text = g_malloc(1000);
    for (int i = 0; i < 1000; i++)
        text[i] = (char)('a' + i % 26);
    for (gsize length = 0; length <= 1000; length++) {
        struct record *record = state_add(state, RECORD_LIST, length, NULL, text, length);
        gsize got;
        g_autofree char *bytes = state_get_bytes(state, record, &got);
        g_assert_cmpmem(bytes, got, text, length);
    }
    state_close(state);
    close(fd);
}

static void removed_record_is_gone_and_its_memory_used_again(void)
{
    int fd = state_create();
    struct state *state = open_state(fd);
    struct state_usage first, last;
    g_autofree char *text = g_strnfill(10000, 'x');
    for (int i = 0; i < 1000; i++) {
        struct record *record = state_add(state, RECORD_LIST, 1, NULL, text, 10000);
        state_set_bytes(state, record, text, 5000 + i);
        if (i == 0)
            state_usage(state, &first);
        state_remove(state, record);
    }
    g_assert_null(only(state, RECORD_LIST));
    g_assert_cmpuint(state_high(state), ==, 1);
    state_usage(state, &last);
    g_assert_cmpuint(last.blocks, ==, 0);
    g_assert_cmpuint(last.records, ==, 0);
    state = reopen(state, fd);
    state_usage(state, &last);
    g_assert_cmpuint(last.blocks, ==, 0);
    state_close(state);
    close(fd);
}

static gsize memory_of(int fd)
{
    struct stat stat;
    g_assert_cmpint(fstat(fd, &stat), ==, 0);
    return (gsize)stat.st_blocks * 512;
}

static void trim_gives_free_memory_back(void)
{
    int fd = state_create();
    struct state *state = open_state(fd);
    struct record *records[10000];
    for (guint64 i = 0; i < G_N_ELEMENTS(records); i++)
        records[i] = state_add(state, RECORD_LIST, i, NULL, "some bytes", 10);
    gsize most = memory_of(fd);
    for (guint64 i = 0; i < G_N_ELEMENTS(records); i++)
        if (i % 1000)
            state_remove(state, records[i]);
    state_trim(state);
    g_assert_cmpuint(memory_of(fd), <, most / 10);
    for (guint64 i = 0; i < G_N_ELEMENTS(records); i += 1000) {
        g_autofree char *bytes = state_get_bytes(state, records[i], NULL);
        g_assert_cmpstr(bytes, ==, "some bytes");
        g_assert_cmpuint(records[i]->id, ==, i);
    }
    state_add(state, RECORD_LIST, 1, NULL, "more", 4);
    state = reopen(state, fd);
    struct state_usage usage;
    state_usage(state, &usage);
    g_assert_cmpuint(usage.records, ==, 11);
    g_assert_cmpuint(usage.blocks, ==, 11);
    state_close(state);
    close(fd);
}

static void another_layout_is_refused(void)
{
    int fd = state_create();
    guint32 layout = STATE_LAYOUT + 1;
    g_autofree char *why = NULL;
    g_assert_cmpint(pwrite(fd, &layout, sizeof layout, sizeof(guint64)), ==, sizeof layout);
    g_assert_null(state_open(fd, &why));
    g_assert_nonnull(strstr(why, "layout"));
    close(fd);
}

static void another_file_is_refused(void)
{
    g_autofree char *why = NULL;
    FILE *file = tmpfile();
    g_assert_null(state_open(fileno(file), &why));
    g_assert_nonnull(why);
    fclose(file);
}

/* Writes for ever: one record whose bytes are one letter again and again, another length each time,
 * its word the same number; and others that come and go. */
static void scribble(int fd)
{
    struct state *state = open_state(fd);
    struct record *record = only(state, RECORD_LIST);
    struct record *others[10] = {0};
    char text[900];
    for (guint64 n = 0;; n++) {
        memset(text, 'a' + (int)(n % 26), sizeof text);
        state_set_bytes(state, record, text, 1 + n * 31 % sizeof text);
        state_set_word(record, 0, n);
        if (others[n % 10])
            state_remove(state, others[n % 10]);
        others[n % 10] = state_add(state, RECORD_HOST, n, NULL, text, n % sizeof text);
    }
}

static void check_scribble(struct state *state)
{
    gsize length;
    g_autofree char *bytes = state_get_bytes(state, only(state, RECORD_LIST), &length);
    g_assert_cmpuint(length, >, 0);
    for (gsize i = 0; i < length; i++)
        g_assert_cmpint(bytes[i], ==, bytes[0]);
    guint hosts = 0;
    for (guint i = 0; i < state_high(state); i++) {
        struct record *record = state_at(state, i, RECORD_HOST);
        if (!record)
            continue;
        g_free(state_get_bytes(state, record, &length));
        g_assert_cmpuint(length, ==, record->id % 900);
        hosts++;
        state_remove(state, record);
    }
    g_assert_cmpuint(hosts, <=, 10);
}

static void survives_sigkill_at_any_instant(void)
{
    int fd = state_create();
    struct state *state = open_state(fd);
    state_add(state, RECORD_LIST, 1, NULL, "a", 1);
    state_close(state);
    for (int round = 0; round < 200; round++) {
        pid_t pid = fork();
        if (pid == 0)
            scribble(fd);
        g_usleep((gulong)g_random_int_range(3000, 6000));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        state = open_state(fd);
        check_scribble(state);
        struct state_usage usage;
        state_usage(state, &usage);
        g_assert_cmpuint(usage.records, ==, 1);
        g_assert_cmpuint(usage.blocks, <=, 8);
        state_close(state);
    }
    close(fd);
}

static void keeper_sees_what_the_daemon_says(void)
{
    int fd = state_create();
    struct state *state = open_state(fd);
    g_autofree char *why = NULL;
    struct state_shared *shared = state_map_shared(fd, &why);
    state_shared(state)->ticks = 42;
    g_assert_cmpuint(shared->ticks, ==, 42);
    state_unmap_shared(shared);
    state_close(state);
    close(fd);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/state/next", record_is_there_for_the_next);
    g_test_add_func("/state/lengths", bytes_of_every_length);
    g_test_add_func("/state/removed", removed_record_is_gone_and_its_memory_used_again);
    g_test_add_func("/state/trim", trim_gives_free_memory_back);
    g_test_add_func("/state/layout", another_layout_is_refused);
    g_test_add_func("/state/file", another_file_is_refused);
    g_test_add_func("/state/sigkill", survives_sigkill_at_any_instant);
    g_test_add_func("/state/shared", keeper_sees_what_the_daemon_says);
    return g_test_run();
}
