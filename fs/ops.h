/* SPDX-License-Identifier: MIT
 *
 * The FUSE edge: fuse_lowlevel_ops of the mount. An operation finds its node, calls one thing of
 * the model and replies; what waits is parked. The files ops_*.c share this header and nothing else
 * includes it but main.
 */
#pragma once

#define FUSE_USE_VERSION 314
#include "fs/fs.h"
#include "fs/parked.h"
#include "fs/session.h"
#include "fs/tree.h"

#include <fuse_lowlevel.h>

/* The table; static. The session's user_data is struct fs. */
const struct fuse_lowlevel_ops *ops_table(void);

/* --- shared by ops_*.c --------------------------------------------------------------------- */

struct service;

static inline struct fs *ops_fs(fuse_req_t req)
{
    return session_user_data(fuse_req_userdata(req));
}

/* The order that this very request carries out, NULL for everybody but the helper: `op` on `name`
 * of the lane (NULL name: the lane's own file). */
gboolean ops_is_ordered(fuse_req_t req, enum mirror_op op, const struct mirror_lane *lane,
                        const char *name);

/* An earlier daemon had begun to make or remove the name that this very request is about
 * (JOURNAL_NAME): it is to be finished, whoever asks. *by_user (may be NULL): it was not a helper's
 * order. */
gboolean ops_was_begun(fuse_req_t req, gboolean *by_user);
/* A user's request is about to make or remove a name. */
void ops_begin_name(struct fs *fs);

/* An earlier daemon opened this file for this very request: `fi` is filled in as it was. */
gboolean ops_was_opened(fuse_req_t req, struct fuse_file_info *fi);
/* This very request is the helper's on a file whose change is announced by opening it for writing
 * and setting its time. */
gboolean ops_is_poke(fuse_req_t req, const struct node *node);

/* The caller is a mirror helper: it may do what is ordered and nothing else, and must never wait.
 */
gboolean ops_is_helper(fuse_req_t req);

/* The helper's open for writing or futimens of a file that nobody may write: it makes the events.
 */
gboolean ops_is_poke(fuse_req_t req, const struct node *node);

/* The replies that give a node to the kernel: the one place where its references are counted,
 * before the kernel hears of them, and taken back if it does not want to. */
void ops_reply_entry(fuse_req_t req, enum node_kind kind, guint64 owner, const char *name,
                     const struct layout_file *file);
/* FALSE if nobody took the open file: there will be no RELEASE. */
gboolean ops_reply_create(fuse_req_t req, guint64 owner, const char *name,
                          struct fuse_file_info *fi);

/* The name is gone (unlinked): its node, if the kernel holds one, is not found by it any more. */
void ops_forget_name(const struct fs *fs, enum node_kind kind, guint64 owner, const char *name);

/* Parks a look-up or another operation on `name` in the directory `ino`. */
struct parked *ops_park(fuse_req_t req, fuse_ino_t ino, const char *name,
                        void (*answer)(struct parked *parked, int error));
/* Starts `parked` waiting for `waiter`. */
void ops_wait(struct parked *parked, struct waiter *waiter);
/* The same with another deadline, as parked_start takes it. */
void ops_wait_for(struct parked *parked, struct waiter *waiter, guint deadline_ms);
/* Replies `error` to a parked request. */
void ops_answer_error(struct parked *parked, int error);

/* Whether this request may begin a change: 0, or the errno of `ro`, of a mount that is ending, of a
 * helper whose order is not (any more) what it asks for. */
int ops_may_write(fuse_req_t req);

/* LOOKUP, MKNOD and UNLINK in .nacos/render/ and its directories. */
void ops_lookup_rendered(fuse_req_t req, const struct node *parent, const char *name);
void ops_mknod_rendered(fuse_req_t req, const struct node *parent, const char *name);
void ops_unlink_rendered(fuse_req_t req, const struct node *parent, const char *name);

void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
/* In clusters/ and clusters/NAME/. The first two are FALSE if the request is none of the helper's
 * orders there. */
gboolean ops_mkdir_cluster(fuse_req_t req, const struct node *parent, const char *name);
gboolean ops_rmdir_cluster(fuse_req_t req, const struct node *parent, const char *name);
void ops_lookup_cluster(fuse_req_t req, const struct node *parent, const char *name);
/* clusters/ itself. */
void ops_lookup_clusters(fuse_req_t req, guint64 service);

void ops_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n);
void ops_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void ops_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
                 struct fuse_file_info *fi);
void ops_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void ops_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                struct fuse_file_info *fi);
void ops_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
/* READ of `events`: the handle must be one that events_reader() knows. */
void ops_read_stream(fuse_req_t req, fuse_ino_t ino, size_t size, struct fuse_file_info *fi);
void ops_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
              struct fuse_pollhandle *ph);
void ops_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
               struct fuse_file_info *fi);
void ops_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name);
void ops_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
                const char *newname, unsigned int flags);
void ops_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
                  int flags);
/* A write to a file that takes no lines; FALSE if it is not one. */
gboolean ops_put(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size);
void ops_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void ops_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void ops_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);
void ops_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
               struct fuse_file_info *fi, unsigned flags, const void *in_buf, size_t in_bufsz,
               size_t out_bufsz);
void ops_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
                   struct fuse_file_info *fi);
