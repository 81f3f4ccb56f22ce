/* SPDX-License-Identifier: MIT
 *
 * The users that may log in: a file of NAME:HASH lines as `htpasswd -B` writes it, HASH by bcrypt.
 * Blank lines and lines that begin with # are skipped.
 */
#pragma once

#include <glib.h>

#define USERS_PROOF_SIZE 65 /* SHA-256 in hex and a NUL */

struct user {
    char *name;                   /* owned */
    char *hash;                   /* owned; bcrypt */
    char proof[USERS_PROOF_SIZE]; /* of the password once it was found right; "" = not yet */
};

struct users;

/* NULL with a GIOError: the file is not a secret one (secret_file.h), a line is wrong, nobody is in
 * it. */
struct users *users_load(const char *path, GError **error);
void users_free(struct users *users);

/* Borrowed; NULL if there is no such user. */
struct user *users_find(struct users *users, const char *name);
/* Anybody's hash: what the password of an unknown user is compared with, so that the time tells
 * nothing. */
const char *users_decoy(struct users *users);
