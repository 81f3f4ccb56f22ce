/* SPDX-License-Identifier: MIT
 *
 * `nacosfs --replace MOUNTPOINT`: a binary asks the keeper of a living mount to go on with that
 * binary. The keeper listens on the abstract socket "nacosfs-PID"; it gets the layout of the state
 * that the new one knows and, as a descriptor, its executable; it answers with "" or a reason. Only
 * the keeper's own user and root may ask.
 */
#pragma once

#include <glib.h>

struct replace;

/* Listens on the default main context. `asked` gets two descriptors that are its own from then on:
 * the asker's, to be answered with replace_answer, and the executable. NULL and a reason in *why.
 */
struct replace *replace_new(void (*asked)(int asker, int program, gpointer user_data),
                            gpointer user_data, char **why);
void replace_free(struct replace *replace); /* NULL is allowed */
/* `why`: NULL = it is done. Closes `asker`. */
void replace_answer(int asker, const char *why);

/* The other side: asks the keeper with that pid, waits a minute at most. FALSE and one line in
 * *why. */
gboolean replace_ask(pid_t keeper, char **why);
