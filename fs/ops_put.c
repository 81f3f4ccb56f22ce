/* SPDX-License-Identifier: MIT
 *
 * Files of which each write is a whole: answered at once, by their row.
 */
#include "fs/ops.h"

gboolean ops_put(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size)
{
    struct fs *fs = ops_fs(req);
    const struct node *node = tree_get(fs->tree, ino);
    if (!node || !node->file || !node->file->put)
        return FALSE;
    int error = node->file->put(fs, data, size);
    if (error)
        fuse_reply_err(req, error);
    else
        fuse_reply_write(req, size);
    return TRUE;
}
