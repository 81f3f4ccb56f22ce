/* SPDX-License-Identifier: MIT
 *
 * Compares passwords with bcrypt hashes, which takes a twentieth of a second and more each: in a
 * thread of its own, one at a time, which gets two texts and gives back a boolean. Everything here
 * is called, and calls back, on the main context.
 */
#pragma once

#include <glib.h>

#define PASSWORD_WORKER_MAX 32 /* comparisons that wait or run */

struct password_worker;

/* Called once, never before password_worker_check returned. */
typedef void (*password_done_fn)(gboolean right, gpointer user_data);

struct password_worker *password_worker_new(void);
/* Whoever still waits is told FALSE first. */
void password_worker_free(struct password_worker *worker);

/* FALSE if too many wait already; `done` is not called then. Both texts are borrowed. */
gboolean password_worker_check(struct password_worker *worker, const char *password,
                               const char *hash, password_done_fn done, gpointer user_data);
