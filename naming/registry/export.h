/* SPDX-License-Identifier: MIT
 *
 * The way out to a real Nacos: everything the store has as a shell script of curl calls. Instances
 * come first and the settings of their services after them, for 2.x makes of a service that is
 * created by name one for persistent instances alone. All goes into the query string, which every
 * version reads.
 */
#pragma once

#include "naming/registry/store.h"

#define EXPORT_FILE_NAME "export.sh"

/* The script; `name` is what it calls its source. New string. */
char *export_script(const struct store *store, const char *name);

/* Writes the script to EXPORT_FILE_NAME in `directory`, which is made, for its owner's eyes alone:
 * checkers have passwords. The path is a new string; NULL with a GError. */
char *export_write(const struct store *store, const char *name, const char *directory,
                   GError **error);
