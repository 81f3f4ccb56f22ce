/* SPDX-License-Identifier: MIT */
#include "fs/journal.h"

#include <errno.h>
#include <unistd.h>

struct fixture {
    int fd;
    struct state *state;
    struct journal *journal;
};

static void begin(struct fixture *f)
{
    g_autofree char *why = NULL;
    f->state = state_open(f->fd, &why);
    g_assert_cmpstr(why, ==, NULL);
    f->journal = journal_new(f->state);
}

static void end(struct fixture *f)
{
    journal_free(f->journal);
    state_close(f->state);
}

static void set_up(struct fixture *f, gconstpointer data)
{
    f->fd = state_create();
    begin(f);
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    end(f);
    close(f->fd);
}

/* The daemon dies, the next one takes over. */
static void die(struct fixture *f)
{
    end(f);
    begin(f);
}

static void ask(struct fixture *f, guint64 unique, enum journal_kind kind, gsize at)
{
    g_auto(instance) instance = {0};
    instance_init(&instance);
    instance.ip = g_strdup("10.0.0.1");
    instance.port = 80;
    struct journal_entry entry = {
        .unique = unique, .kind = kind, .service = 5, .at = at, .instance = instance};
    journal_ask(f->journal, &entry);
}

static void asked_is_there_for_the_next(struct fixture *f, gconstpointer data)
{
    ask(f, 8, JOURNAL_DROP, 0);
    die(f);
    const struct journal_entry *entry = journal_claim(f->journal, 8);
    g_assert_nonnull(entry);
    g_assert_false(entry->done);
    g_assert_cmpint(entry->kind, ==, JOURNAL_DROP);
    g_assert_cmpuint(entry->service, ==, 5);
    g_assert_cmpstr(entry->instance.ip, ==, "10.0.0.1");
}

static void done_has_its_result(struct fixture *f, gconstpointer data)
{
    ask(f, 8, JOURNAL_PUT, 0);
    journal_done(f->journal, 8, EACCES);
    die(f);
    const struct journal_entry *entry = journal_claim(f->journal, 8);
    g_assert_true(entry->done);
    g_assert_cmpint(entry->result, ==, EACCES);
}

static void answered_is_forgotten(struct fixture *f, gconstpointer data)
{
    ask(f, 8, JOURNAL_PUT, 0);
    journal_forget(f->journal, 8);
    journal_forget(f->journal, 10);
    die(f);
    g_assert_null(journal_claim(f->journal, 8));
}

static void next_line_replaces_the_one_before(struct fixture *f, gconstpointer data)
{
    ask(f, 8, JOURNAL_PUT, 0);
    journal_done(f->journal, 8, 0);
    ask(f, 8, JOURNAL_PUT, 30);
    g_assert_false(journal_claim(f->journal, 8)->done);
    die(f);
    g_assert_cmpuint(journal_claim(f->journal, 8)->at, ==, 30);
    g_assert_false(journal_claim(f->journal, 8)->done);
}

/* Both records are there if the daemon died between making the one and removing the other. */
static void later_line_wins(struct fixture *f, gconstpointer data)
{
    const guint64 first[STATE_WORDS] = {5, JOURNAL_PUT, 0, 0};
    const guint64 second[STATE_WORDS] = {5, JOURNAL_PUT, 0, 30};
    state_add(f->state, RECORD_OPERATION, 8, second, NULL, 0);
    state_add(f->state, RECORD_OPERATION, 8, first, NULL, 0);
    state_add(f->state, RECORD_OPERATION, 10, first, NULL, 0);
    state_add(f->state, RECORD_OPERATION, 10, second, NULL, 0);
    die(f);
    g_assert_cmpuint(journal_claim(f->journal, 8)->at, ==, 30);
    g_assert_cmpuint(journal_claim(f->journal, 10)->at, ==, 30);
    journal_forget(f->journal, 8);
    journal_forget(f->journal, 10);
    struct state_usage usage;
    state_usage(f->state, &usage);
    g_assert_cmpuint(usage.records, ==, 0);
}

static void only_what_nobody_claims_is_left(struct fixture *f, gconstpointer data)
{
    struct journal_entry left;
    ask(f, 8, JOURNAL_PUT, 0);
    ask(f, 10, JOURNAL_DROP, 0);
    die(f);
    ask(f, 12, JOURNAL_DROP, 0);
    journal_claim(f->journal, 8);
    g_assert_true(journal_take_left(f->journal, &left));
    g_assert_cmpuint(left.unique, ==, 10);
    g_assert_cmpstr(left.instance.ip, ==, "10.0.0.1");
    instance_clear(&left.instance);
    g_assert_false(journal_take_left(f->journal, &left));
    g_assert_true(journal_has(f->journal, 8));
    g_assert_true(journal_has(f->journal, 12));
    g_assert_false(journal_has(f->journal, 10));
}

static void orphans_have_numbers_of_their_own(struct fixture *f, gconstpointer data)
{
    guint64 one = journal_orphan(f->journal);
    ask(f, one, JOURNAL_DROP, 0);
    die(f);
    guint64 other = journal_orphan(f->journal);
    g_assert_cmpuint(one, !=, other);
    g_assert_true(journal_is_orphan(one));
    g_assert_true(journal_is_orphan(other));
    g_assert_false(journal_is_orphan(8));
}

int main(int argc, char *argv[])
{
    static const struct {
        const char *path;
        void (*test)(struct fixture *f, gconstpointer data);
    } tests[] = {
        {"/journal/asked", asked_is_there_for_the_next},
        {"/journal/done", done_has_its_result},
        {"/journal/answered", answered_is_forgotten},
        {"/journal/line", next_line_replaces_the_one_before},
        {"/journal/later-line", later_line_wins},
        {"/journal/left", only_what_nobody_claims_is_left},
        {"/journal/orphans", orphans_have_numbers_of_their_own},
    };
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].path, struct fixture, NULL, set_up, tests[i].test, tear_down);
    return g_test_run();
}
