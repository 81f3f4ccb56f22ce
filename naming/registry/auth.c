/* SPDX-License-Identifier: MIT */
#include "naming/registry/auth.h"

#include "naming/registry/password_worker.h"
#include "naming/registry/secret_file.h"
#include "naming/registry/token.h"
#include "naming/registry/users.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* AccessException's texts, 1.4.8. */
#define UNKNOWN_USER "unknown user!"
#define TOKEN_IS_INVALID "token invalid!"
#define TOKEN_IS_EXPIRED "token expired!"

struct auth {
    struct users *users; /* NULL = open to everybody */
    struct password_worker *worker;
    GBytes *key; /* of tokens and proofs */
    gint token_ttl;
};

/* A password that is being checked. */
struct check {
    struct auth *auth;
    char *name;
    char *proof; /* of the password given */
    gboolean exists;
    auth_done_fn done;
    gpointer user_data;
};

static GBytes *random_key(GError **error)
{
    guchar key[TOKEN_KEY_MIN];
    if (getrandom(key, sizeof(key), 0) == sizeof(key))
        return g_bytes_new(key, sizeof(key));
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno), "getrandom: %s",
                g_strerror(errno));
    return NULL;
}

static GBytes *read_key(const char *path, GError **error)
{
    gsize length;
    char *text = secret_file_read(path, &length, error);
    if (!text)
        return NULL;
    if (length >= TOKEN_KEY_MIN)
        return g_bytes_new_take(text, length);
    secret_free(text);
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: a key has %d bytes or more", path,
                TOKEN_KEY_MIN);
    return NULL;
}

struct auth *auth_new(const struct auth_config *config, GError **error)
{
    GBytes *key = config->key_file ? read_key(config->key_file, error) : random_key(error);
    struct users *users = NULL;
    if (!key)
        return NULL;
    if (config->users_file && !(users = users_load(config->users_file, error))) {
        g_bytes_unref(key);
        return NULL;
    }
    struct auth *auth = g_new0(struct auth, 1);
    *auth = (struct auth){users, password_worker_new(), key, config->token_ttl};
    return auth;
}

void auth_free(struct auth *auth)
{
    if (!auth)
        return;
    password_worker_free(auth->worker);
    users_free(auth->users);
    g_bytes_unref(auth->key);
    g_free(auth);
}

gboolean auth_is_required(const struct auth *auth)
{
    return auth->users != NULL;
}

static void check_done(gboolean right, gpointer user_data)
{
    struct check *check = user_data;
    struct user *user = users_find(check->auth->users, check->name);
    struct auth_identity identity = {.why = UNKNOWN_USER};
    if (right && check->exists && user) {
        g_strlcpy(user->proof, check->proof, sizeof(user->proof));
        identity = (struct auth_identity){.user = g_strdup(user->name)};
    }
    check->done(&identity, check->user_data);
    g_free(check->name);
    g_free(check->proof);
    g_free(check);
}

/* A password that was right before is known by its proof, for clients may send it with every call;
 * any other costs a bcrypt. */
static enum auth_progress check_password(struct auth *auth,
                                         const struct auth_credentials *credentials,
                                         struct auth_identity *identity, auth_done_fn done,
                                         gpointer user_data)
{
    const struct user *user = users_find(auth->users, credentials->username);
    g_autofree char *proof = token_hmac(auth->key, credentials->password);
    if (user && token_equal(user->proof, proof)) {
        identity->user = g_strdup(user->name);
        return AUTH_KNOWN;
    }
    struct check *check = g_new0(struct check, 1);
    *check = (struct check){
        auth,     g_strdup(credentials->username), g_steal_pointer(&proof), user != NULL, done,
        user_data};
    if (password_worker_check(auth->worker, credentials->password,
                              user ? user->hash : users_decoy(auth->users), check_done, check))
        return AUTH_PENDING;
    g_free(check->name);
    g_free(check->proof);
    g_free(check);
    return AUTH_BUSY;
}

/* A user who is not in the file any more is nobody, whatever the token says. */
static void check_token(struct auth *auth, const char *token, struct auth_identity *identity)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    enum token_verdict verdict = token_verify(auth->key, token, now, &identity->user);
    if (verdict == TOKEN_EXPIRED)
        identity->why = TOKEN_IS_EXPIRED;
    else if (verdict == TOKEN_INVALID || !users_find(auth->users, identity->user))
        identity->why = TOKEN_IS_INVALID;
    if (identity->why)
        g_clear_pointer(&identity->user, g_free);
}

enum auth_progress auth_identify(struct auth *auth, const struct auth_credentials *credentials,
                                 struct auth_identity *identity, auth_done_fn done,
                                 gpointer user_data)
{
    *identity = (struct auth_identity){0};
    if (!auth->users && credentials->username)
        identity->user = g_strdup(credentials->username);
    else if (auth->users && credentials->username && credentials->password)
        return check_password(auth, credentials, identity, done, user_data);
    else if (auth->users && credentials->token)
        check_token(auth, credentials->token, identity);
    else
        identity->why = UNKNOWN_USER;
    return AUTH_KNOWN;
}

void auth_cancel(struct auth *auth)
{
    password_worker_free(auth->worker);
    auth->worker = password_worker_new();
}

char *auth_token(const struct auth *auth, const char *user, gint *ttl)
{
    *ttl = auth->token_ttl;
    return token_sign(auth->key, user, g_get_real_time() / G_USEC_PER_SEC + auth->token_ttl);
}

void auth_identity_clear(struct auth_identity *identity)
{
    g_clear_pointer(&identity->user, g_free);
}
