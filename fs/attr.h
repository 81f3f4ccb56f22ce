/* SPDX-License-Identifier: MIT
 *
 * What stat(2) says of a node, and where it is. No FUSE calls.
 */
#pragma once

#include "fs/fs.h"
#include "fs/tree.h"

#include <sys/stat.h>

/* FALSE if what the node stood for is gone: ENOENT. */
gboolean attr_fill(const struct fs *fs, const struct node *node, struct stat *st);
/* How long the kernel may believe the attributes (the name), in seconds. */
double attr_timeout(const struct node *node);
double attr_entry_timeout(const struct fs *fs, const struct node *node);
/* Path below the mount point, "" for the root; "?" in it for what is gone. New string. */
char *attr_path(const struct fs *fs, const struct node *node);
