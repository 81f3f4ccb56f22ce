/* SPDX-License-Identifier: MIT */
#include "naming/registry/users.h"

#include "naming/registry/secret_file.h"

#include <crypt.h>
#include <string.h>

struct users {
    GPtrArray *list;     /* of struct user, owned, in the order of the file */
    GHashTable *by_name; /* name -> struct user, both borrowed */
};

static void user_free(gpointer data)
{
    struct user *user = data;
    g_free(user->name);
    secret_free(user->hash);
    g_free(user);
}

void users_free(struct users *users)
{
    if (!users)
        return;
    g_hash_table_unref(users->by_name);
    g_ptr_array_unref(users->list);
    g_free(users);
}

/* What crypt(3) knows and calls strong, of the bcrypt family. */
static gboolean is_bcrypt(const char *hash)
{
    return g_str_has_prefix(hash, "$2") && strlen(hash) == 60 &&
           crypt_checksalt(hash) == CRYPT_SALT_OK;
}

/* NULL, or what is wrong with the line. */
static const char *add_line(struct users *users, char *line)
{
    g_strchomp(line);
    char *colon = strchr(line, ':');
    if (!*line || *line == '#')
        return NULL;
    if (!colon || colon == line)
        return "not NAME:HASH";
    *colon = '\0';
    if (!is_bcrypt(colon + 1))
        return "the hash is not one of bcrypt (htpasswd -B)";
    if (!g_utf8_validate(line, -1, NULL))
        return "the name is not UTF-8";
    if (users_find(users, line))
        return "the name is there twice";
    struct user *user = g_new0(struct user, 1);
    user->name = g_strdup(line);
    user->hash = g_strdup(colon + 1);
    g_ptr_array_add(users->list, user);
    g_hash_table_insert(users->by_name, user->name, user);
    return NULL;
}

struct users *users_load(const char *path, GError **error)
{
    gsize length;
    char *text = secret_file_read(path, &length, error);
    if (!text)
        return NULL;
    struct users *users = g_new0(struct users, 1);
    const char *wrong = NULL;
    users->list = g_ptr_array_new_with_free_func(user_free);
    users->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    char *rest = text, *line;
    int number = 0;
    while (!wrong && (line = strsep(&rest, "\n"))) {
        number++;
        wrong = add_line(users, line);
    }
    explicit_bzero(text, length);
    g_free(text);
    if (!wrong && users->list->len)
        return users;
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s:%d: %s", path, number,
                wrong ? wrong : "nobody is in it");
    users_free(users);
    return NULL;
}

struct user *users_find(struct users *users, const char *name)
{
    return g_hash_table_lookup(users->by_name, name);
}

const char *users_decoy(struct users *users)
{
    return ((struct user *)g_ptr_array_index(users->list, 0))->hash;
}
