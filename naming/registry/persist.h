/* SPDX-License-Identifier: MIT
 *
 * What outlasts the process: persistent instances, created services, configured clusters, in one
 * SQLite file, registry.db. Not a file that is written anew: with a hundred thousand instances each
 * registration would write all of them, while a transaction costs one fsync, however many there
 * are; and what a kill or a power cut leaves of it is SQLite's well-tested business. The file is
 * locked as long as we have it open.
 *
 * Nothing is made on disk before there is something to keep.
 */
#pragma once

#include "naming/registry/store.h"

struct persist;

/* `directory`: where the file is or will be, for this registry alone; NULL = nothing is kept:
 * persistent instances are refused, services live as long as the process. */
struct persist *persist_new(const char *directory);
void persist_free(struct persist *persist);

/* Puts all that is on disk into the store, which has no journal yet. What cannot be used is left
 * out with a warning. FALSE with REGISTRY_ERROR_DISK if the file is there and cannot be read, or
 * another process has it. */
gboolean persist_load(struct persist *persist, struct store *store, gint64 now, GError **error);

/* Borrowed. */
struct store_journal *persist_journal(struct persist *persist);

/* The default of --state, new string: what systemd says ($STATE_DIRECTORY), /var/lib/nacos-registry
 * for root, else nacos-registry in $XDG_STATE_HOME. */
char *persist_default_directory(void);
