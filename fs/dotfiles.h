/* SPDX-License-Identifier: MIT
 *
 * The files of .nacos, drawn up at open: one record a line of key=value fields, escaped as the line
 * is (layout.c has the rows). `service` is always NULL, *error is not touched. New references.
 */
#pragma once

#include "fs/fs.h"

struct service;

GBytes *dotfile_status(struct fs *fs, struct service *service, int *error);
GBytes *dotfile_servers(struct fs *fs, struct service *service, int *error);
GBytes *dotfile_registered(struct fs *fs, struct service *service, int *error);
GBytes *dotfile_errors(struct fs *fs, struct service *service, int *error);
GBytes *dotfile_options(struct fs *fs, struct service *service, int *error);
GBytes *dotfile_version(struct fs *fs, struct service *service, int *error);
