/* SPDX-License-Identifier: MIT
 *
 * `.nacos/metrics` in Prometheus' text format (version 0.0.4), and `.nacos/subscriptions` for
 * people.
 */
#pragma once

#include "fs/fs.h"

struct service;

/* As layout_file.open. */
GBytes *dotfile_metrics(struct fs *fs, struct service *service, int *error);
GBytes *dotfile_subscriptions(struct fs *fs, struct service *service, int *error);
