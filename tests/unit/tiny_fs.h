/* SPDX-License-Identifier: MIT
 *
 * A file system of a few names for tests of the session and the mirror: the directories d and e and
 * the file f in each. It is changed by the mirror's orders alone; everybody else gets EPERM.
 */
#pragma once

#include "fs/mirror.h"
#include "fs/mounting.h"
#include "fs/session.h"

#include <glib.h>

struct fuse_req;

/* Keeper and daemon in one process. */
struct tiny_mount {
    struct mounting mounting;
    int memfd;
    struct state *state;
    struct session *session;
};

struct tiny_fs {
    char *mountpoint; /* a new directory in /tmp */
    struct tiny_mount mount;
    struct session *session; /* of mount */
    struct mirror *mirror;   /* whose orders are obeyed; may be NULL */
    GHashTable *by_path;     /* struct tiny_node */
    GPtrArray *by_id;        /* the same, owned; id = index */
    guint refused;           /* changes that were nobody's order */
    gboolean park;           /* keep the next SETATTR unanswered */
    struct fuse_req *parked;
    gboolean ended;
};

/* Skips the test and returns NULL where one may not mount. */
struct tiny_fs *tiny_fs_new(void);
/* Only unmounts. */
void tiny_fs_unmount(struct tiny_fs *fs);
void tiny_fs_free(struct tiny_fs *fs);

void tiny_fs_answer_parked(struct tiny_fs *fs);

/* Look-ups that the kernel has not given back. */
guint64 tiny_fs_lookups(const struct tiny_fs *fs, const char *path);
guint64 tiny_fs_id(const struct tiny_fs *fs, const char *path);

/* Mounts and serves with our operations, for tests of failures. `options` is for -o. */
gboolean tiny_mount_make(struct tiny_mount *mount, struct tiny_fs *fs, const char *mountpoint,
                         const char *options, char **why);
void tiny_mount_end(struct tiny_mount *mount);
