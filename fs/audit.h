/* SPDX-License-Identifier: MIT
 *
 * Nodes that the kernel has forgotten without our hearing of it: the FORGET was read by a daemon
 * that died before it was noted. FUSE_NOTIFY_INVAL_INODE tells exactly which nodes the kernel
 * holds; all are asked about two seconds after a daemon has taken over, and every hour, some at a
 * time.
 */
#pragma once

#include "fs/fs.h"

struct audit;

struct audit *audit_new(struct fs *fs);
void audit_free(struct audit *audit); /* NULL is allowed */
