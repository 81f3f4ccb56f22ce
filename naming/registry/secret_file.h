/* SPDX-License-Identifier: MIT
 *
 * Files that nobody else may read or write: users, keys.
 */
#pragma once

#include <gio/gio.h>

#define SECRET_FILE_MAX (64 * 1024) /* bytes */

/* The content of a regular file (no symbolic link) that is ours and has no mode bits for others;
 * NUL-terminated, *length without it. NULL with a GIOError. Freed with secret_free. */
char *secret_file_read(const char *path, gsize *length, GError **error);

/* Overwrites the text before it is freed; NULL is allowed. */
void secret_free(char *text);
