/* SPDX-License-Identifier: MIT
 *
 * What this tree does not do, each with its fixed errno.
 */
#include "fs/ops.h"

#include <errno.h>

void ops_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
    fuse_reply_err(req, EPERM);
}

void ops_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
    fuse_reply_err(req, EPERM);
}

void ops_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
                  int flags)
{
    /* `cp -p` copies ACLs: what it shrugs at is "not supported". */
    fuse_reply_err(req, g_str_has_prefix(name, "system.") ? EOPNOTSUPP : EPERM);
}

void ops_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    fuse_reply_err(req, g_str_has_prefix(name, "system.") ? EOPNOTSUPP : EPERM);
}

void ops_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
               struct fuse_file_info *fi, unsigned flags, const void *in_buf, size_t in_bufsz,
               size_t out_bufsz)
{
    fuse_reply_err(req, ENOTTY);
}

void ops_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
                   struct fuse_file_info *fi)
{
    fuse_reply_err(req, EOPNOTSUPP);
}
