/* SPDX-License-Identifier: MIT
 *
 * Files of a service that are drawn up at open (layout.c has the rows). Each gives a new reference,
 * or NULL and an errno.
 */
#pragma once

#include "fs/fs.h"

struct service;

/* One callable instance, weighted random, drawn anew each time; ENODATA if there is none. */
GBytes *service_file_pick(const struct service_info *view, int *error);
/* What this mount keeps here, as lines. */
GBytes *service_file_register(struct fs *fs, struct service *service, int *error);
/* Of those the leases. */
GBytes *service_file_lease(struct fs *fs, struct service *service, int *error);
/* Nothing. */
GBytes *service_file_empty(struct fs *fs, struct service *service, int *error);
