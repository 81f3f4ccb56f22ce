/* SPDX-License-Identifier: MIT
 *
 * .nacos/failover: the switch of the failover, to be read and written (layout.c has the row).
 */
#pragma once

#include "fs/fs.h"

struct service;

/* "0" or "1" and a newline. `service` is NULL, *error is not touched. New reference. */
GBytes *failover_file_open(struct fs *fs, struct service *service, int *error);
/* What a write does: "0" or "1", blanks around it, switches at once. An errno, its reason in
 * `.nacos/errors`: EINVAL for anything else, ENOENT if there is no directory for failover lists,
 * that of the disk if the switch cannot be written. */
int failover_file_put(struct fs *fs, const char *text, gsize length);
