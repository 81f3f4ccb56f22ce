/* SPDX-License-Identifier: MIT
 *
 * The one border where the client's errors become errno, and where the reason is written down.
 */
#pragma once

#include "fs/fs.h"

/* Makes fs->errors, with what an earlier daemon had in it. */
void error_init(struct fs *fs);

/* errno of a status; 0 for NAMING_OK. */
int error_of_status(enum naming_status status);

/* errno of `result`, its reason put into `.nacos/errors` under `path` (below the mount point). */
int error_report(struct fs *fs, const struct naming_result *result, const char *path);

/* The same for an error of our own making: returns `error`. */
int error_note(struct fs *fs, int error, const char *path, const char *text);
