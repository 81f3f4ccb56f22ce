/* SPDX-License-Identifier: MIT */
#include "naming/registry/users.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define HASH "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"

/* A users file of mode 600 with that content; the path is a new string. */
static char *file_of(const char *text)
{
    char *path = NULL;
    int fd = g_file_open_tmp("users-XXXXXX", &path, NULL);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
    close(fd);
    return path;
}

static void end_of(char *path)
{
    g_unlink(path);
    g_free(path);
}

static void test_reads_names_and_hashes(void)
{
    char *path = file_of("# who may\n\nnacos:" HASH "\nother:" HASH "\n");
    g_autoptr(GError) error = NULL;
    struct users *users = users_load(path, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(users_find(users, "nacos")->hash, ==, HASH);
    g_assert_nonnull(users_find(users, "other"));
    g_assert_null(users_find(users, "nobody"));
    g_assert_cmpstr(users_decoy(users), ==, HASH);
    users_free(users);
    end_of(path);
}

static void test_refuses(void)
{
    static const struct {
        const char *text;
        const char *why; /* part of the message */
    } rows[] = {
        {"", "nobody is in it"},
        {"# nobody\n", "nobody is in it"},
        {"nacos\n", "not NAME:HASH"},
        {":" HASH "\n", "not NAME:HASH"},
        {"nacos:nacos\n", "not one of bcrypt"},
        {"nacos:$1$abcdefgh$aaaaaaaaaaaaaaaaaaaaaa\n", "not one of bcrypt"},
        {"nacos:$2b$04$\n", "not one of bcrypt"},
        {"ok:" HASH "\nnacos:x\n", ":2: "},
        {"a:" HASH "\na:" HASH "\n", "twice"},
        {"\xff:" HASH "\n", "UTF-8"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        char *path = file_of(rows[i].text);
        g_autoptr(GError) error = NULL;
        g_assert_null(users_load(path, &error));
        g_assert_nonnull(strstr(error->message, rows[i].why));
        g_assert_null(strstr(error->message, HASH));
        end_of(path);
    }
}

static void test_a_file_others_can_read(void)
{
    char *path = file_of("nacos:" HASH "\n");
    g_autoptr(GError) error = NULL;
    g_chmod(path, 0640);
    g_assert_null(users_load(path, &error));
    g_assert_nonnull(strstr(error->message, "chmod 600"));
    end_of(path);
}

static void test_a_link(void)
{
    char *path = file_of("nacos:" HASH "\n");
    g_autofree char *link = g_strconcat(path, ".link", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(symlink(path, link), ==, 0);
    g_assert_null(users_load(link, &error));
    g_assert_nonnull(error);
    g_unlink(link);
    end_of(path);
}

static void test_no_file(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(users_load("/nonexistent/users", &error));
    g_assert_nonnull(strstr(error->message, "No such file"));
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/registry/users/reads", test_reads_names_and_hashes);
    g_test_add_func("/registry/users/refuses", test_refuses);
    g_test_add_func("/registry/users/others-can-read", test_a_file_others_can_read);
    g_test_add_func("/registry/users/link", test_a_link);
    g_test_add_func("/registry/users/no-file", test_no_file);
    return g_test_run();
}
