/* SPDX-License-Identifier: MIT */
#include "fs/credentials.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char *directory, *file;
    struct naming_credentials environment, got;
    char *why;
};

static void set_up(struct fixture *f, gconstpointer unused)
{
    f->directory = g_dir_make_tmp("credentials-XXXXXX", NULL);
    f->file = g_build_filename(f->directory, "file", NULL);
}

static void tear_down(struct fixture *f, gconstpointer unused)
{
    g_unlink(f->file);
    g_rmdir(f->directory);
    g_free(f->file);
    g_free(f->directory);
    naming_credentials_clear(&f->environment);
    naming_credentials_clear(&f->got);
    g_free(f->why);
}

static void put(struct fixture *f, const char *text, gssize length, mode_t mode)
{
    g_assert_true(g_file_set_contents(f->file, text, length, NULL));
    g_assert_cmpint(chmod(f->file, mode), ==, 0);
}

static gboolean load(struct fixture *f, gboolean with_file, const char *username)
{
    const struct credentials_source source = {
        .file = with_file ? f->file : NULL, .username = username, .environment = &f->environment};
    naming_credentials_clear(&f->got);
    g_clear_pointer(&f->why, g_free);
    return credentials_load(&source, &f->got, &f->why);
}

/* username|password|access_key|secret_key, "-" for none; or the reason. */
static void assert_load(struct fixture *f, const char *text, const char *expected)
{
    put(f, text, -1, 0600);
    gboolean good = load(f, TRUE, NULL);
#define OR_DASH(text) ((text) ? (text) : "-")
    g_autofree char *got = g_strjoin("|", OR_DASH(f->got.username), OR_DASH(f->got.password),
                                     OR_DASH(f->got.access_key), OR_DASH(f->got.secret_key), NULL);
    g_assert_true(good == (f->why == NULL));
    if (good)
        g_assert_cmpstr(got, ==, expected);
    else
        g_assert_cmpstr(expected, ==, "refused");
}

static void test_files(struct fixture *f, gconstpointer unused)
{
    static const char *const cases[][2] = {
        {"username=u\npassword=p\n", "u|p|-|-"},
        {"# us\n\npassword=p\r\nusername=u", "u|p|-|-"},
        {"username=u\npassword= p=#\\ \n", "u| p=#\\ |-|-"},
        {"access_key=a\nsecret_key=s\n", "-|-|a|s"},
        {"access_key=a\nsecret_key=s\nusername=u\npassword=p\n", "u|p|a|s"},
        {"", "-|-|-|-"},
        {"username=u\n", "refused"},
        {"password=p\n", "refused"},
        {"access_key=a\n", "refused"},
        {"secret_key=a\n", "refused"},
        {"username=\npassword=p\n", "refused"},
        {"username=u\nusername=v\npassword=p\n", "refused"},
        {"user=u\npassword=p\n", "refused"},
        {"username\npassword=p\n", "refused"},
        {"username =u\npassword=p\n", "refused"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_load(f, cases[i][0], cases[i][1]);
}

static void test_what_cannot_be_trusted(struct fixture *f, gconstpointer unused)
{
    static const mode_t open_to_others[] = {0640, 0620, 0604, 0610, 0601, 0777};
    g_autofree char *link = g_build_filename(f->directory, "link", NULL);
    for (guint i = 0; i < G_N_ELEMENTS(open_to_others); i++) {
        put(f, "username=u\npassword=secret\n", -1, open_to_others[i]);
        g_assert_false(load(f, TRUE, NULL));
        g_assert_null(f->got.password);
        g_assert_null(strstr(f->why, "secret"));
    }
    put(f, "username=u\0password=p\n", 22, 0600);
    g_assert_false(load(f, TRUE, NULL));
    g_autofree char *much = g_strnfill(5000, '#');
    put(f, much, -1, 0600);
    g_assert_false(load(f, TRUE, NULL));
    put(f, "username=u\npassword=p\n", -1, 0600);
    g_assert_cmpint(rename(f->file, link), ==, 0);
    g_assert_cmpint(symlink(link, f->file), ==, 0);
    g_assert_false(load(f, TRUE, NULL));
    g_unlink(f->file);
    g_unlink(link);
    g_assert_false(load(f, TRUE, NULL)); /* not there */
    g_assert_cmpint(mkfifo(f->file, 0600), ==, 0);
    g_assert_false(load(f, TRUE, NULL)); /* and does not wait for a writer */
}

static void test_another_users_file(struct fixture *f, gconstpointer unused)
{
    if (geteuid() != 0) {
        g_test_skip("only root can give a file away");
        return;
    }
    put(f, "username=u\npassword=p\n", -1, 0600);
    g_assert_cmpint(chown(f->file, 12345, (gid_t)-1), ==, 0);
    g_assert_false(load(f, TRUE, NULL));
}

static void test_environment(struct fixture *f, gconstpointer unused)
{
    g_setenv("NACOS_USERNAME", "eve", TRUE);
    g_setenv("NACOS_PASSWORD", "pw", TRUE);
    const char *seen = g_getenv("NACOS_PASSWORD");
    credentials_take_environment(&f->environment);
    g_assert_null(g_getenv("NACOS_PASSWORD"));
    g_assert_cmpstr(seen, ==, ""); /* wiped where /proc/PID/environ would show it */
    g_assert_true(load(f, FALSE, NULL));
    g_assert_cmpstr(f->got.username, ==, "eve");
    g_assert_cmpstr(f->got.password, ==, "pw");
    g_assert_true(load(f, FALSE, "bob"));
    g_assert_cmpstr(f->got.username, ==, "bob");
    assert_load(f, "username=u\npassword=p\n", "u|p|-|-");
    assert_load(f, "username=u\n", "u|pw|-|-");
    naming_credentials_clear(&f->environment);
    credentials_take_environment(&f->environment); /* nothing is there any more */
    g_assert_null(f->environment.username);
}

static void test_none(struct fixture *f, gconstpointer unused)
{
    g_assert_true(load(f, FALSE, NULL));
    g_assert_null(f->got.username);
    g_assert_false(load(f, FALSE, "bob"));
    g_assert_nonnull(strstr(f->why, "NACOS_PASSWORD"));
    f->environment.password = g_strdup("p"); /* alone it is nothing */
    g_assert_true(load(f, FALSE, NULL));
    g_assert_null(f->got.password);
}

#define ADD(name, fn) g_test_add("/credentials/" name, struct fixture, NULL, set_up, fn, tear_down)

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    ADD("files", test_files);
    ADD("not-trusted", test_what_cannot_be_trusted);
    ADD("another-users", test_another_users_file);
    ADD("environment", test_environment);
    ADD("none", test_none);
    return g_test_run();
}
