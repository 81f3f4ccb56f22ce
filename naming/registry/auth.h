/* SPDX-License-Identifier: MIT
 *
 * Who asks. Known by a token from a login, or by name and password in the request itself; never by
 * a header that anybody can send. Without a file of users nobody has to log in, and a login gives a
 * token to whoever asks for one, so that clients set up for a login work.
 */
#pragma once

#include <gio/gio.h>

struct auth;

struct auth_config {
    const char *users_file; /* --auth; NULL = everybody may do everything */
    const char *key_file;   /* --token-key; NULL = a random key, tokens end with the process */
    gint token_ttl;         /* s */
};

/* What a request brings; borrowed, NULL = it does not. */
struct auth_credentials {
    const char *username;
    const char *password;
    const char *token;
};

/* What is known of who asks. */
struct auth_identity {
    char *user;      /* owned; NULL = nobody, and `why` tells */
    const char *why; /* static; in the words of 1.4.8 */
};

enum auth_progress {
    AUTH_KNOWN,   /* the identity is filled in */
    AUTH_PENDING, /* `done` will be called */
    AUTH_BUSY,    /* too many passwords are being checked */
};

/* `identity` is the callee's from now on. */
typedef void (*auth_done_fn)(struct auth_identity *identity, gpointer user_data);

/* NULL with a GIOError if a file cannot be used. */
struct auth *auth_new(const struct auth_config *config, GError **error);
void auth_free(struct auth *auth);

/* Whether users must log in. */
gboolean auth_is_required(const struct auth *auth);

/* Fills in *identity, or calls `done` later, exactly once. */
enum auth_progress auth_identify(struct auth *auth, const struct auth_credentials *credentials,
                                 struct auth_identity *identity, auth_done_fn done,
                                 gpointer user_data);

/* Tells everybody who waits that they are nobody. */
void auth_cancel(struct auth *auth);

/* A token of that user; *ttl s that it is good for. New string. */
char *auth_token(const struct auth *auth, const char *user, gint *ttl);

void auth_identity_clear(struct auth_identity *identity);
