/* SPDX-License-Identifier: MIT */
#define FUSE_USE_VERSION 35
#include "tiny_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tiny_node {
    fuse_ino_t id;
    char *path;
    gboolean is_directory;
    guint64 lookups;
    struct timespec mtime;
};

static void node_free(struct tiny_node *node)
{
    if (node)
        g_free(node->path);
    g_free(node);
}

static struct tiny_node *add_node(struct tiny_fs *fs, const char *path, gboolean is_directory)
{
    struct tiny_node *node = g_new0(struct tiny_node, 1);
    node->id = fs->by_id->len;
    node->path = g_strdup(path);
    node->is_directory = is_directory;
    g_ptr_array_add(fs->by_id, node);
    g_hash_table_insert(fs->by_path, node->path, node);
    return node;
}

static struct tiny_node *node_of(fuse_req_t req, fuse_ino_t id)
{
    struct tiny_fs *fs = session_user_data(fuse_req_userdata(req));
    return fs->by_id->pdata[id];
}

static char *child_path(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    const char *directory = node_of(req, parent)->path;
    return *directory ? g_strdup_printf("%s/%s", directory, name) : g_strdup(name);
}

static struct stat node_stat(const struct tiny_node *node)
{
    return (struct stat){.st_ino = node->id,
                         .st_nlink = 1,
                         .st_mode = node->is_directory ? S_IFDIR | 0755 : S_IFREG | 0644,
                         .st_mtim = node->mtime};
}

static void reply_entry(fuse_req_t req, struct tiny_node *node)
{
    struct fuse_entry_param entry = {
        .ino = node->id, .attr = node_stat(node), .attr_timeout = 1, .entry_timeout = 1};
    node->lookups++;
    fuse_reply_entry(req, &entry);
}

static gboolean is_ordered(fuse_req_t req, enum mirror_op op, const char *path)
{
    struct tiny_fs *fs = session_user_data(fuse_req_userdata(req));
    pid_t pid = fuse_req_ctx(req)->pid;
    const struct mirror_order *order = fs->mirror ? mirror_order_from(fs->mirror, pid) : NULL;
    if (order && order->op == op && g_str_equal(order->path, path))
        return TRUE;
    fs->refused++;
    fuse_reply_err(req, EPERM);
    return FALSE;
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct tiny_fs *fs = session_user_data(fuse_req_userdata(req));
    g_autofree char *path = child_path(req, parent, name);
    struct tiny_node *node = g_hash_table_lookup(fs->by_path, path);
    if (node)
        reply_entry(req, node);
    else
        fuse_reply_err(req, ENOENT);
}

static void on_forget(fuse_req_t req, fuse_ino_t id, uint64_t lookups)
{
    node_of(req, id)->lookups -= lookups;
    fuse_reply_none(req);
}

static void on_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    for (size_t i = 0; i < count; i++)
        node_of(req, forgets[i].ino)->lookups -= forgets[i].nlookup;
    fuse_reply_none(req);
}

static void on_getattr(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *info)
{
    struct stat stat_buffer = node_stat(node_of(req, id));
    fuse_reply_attr(req, &stat_buffer, 1);
}

static void on_setattr(fuse_req_t req, fuse_ino_t id, struct stat *set, int what,
                       struct fuse_file_info *info)
{
    struct tiny_fs *fs = session_user_data(fuse_req_userdata(req));
    struct tiny_node *node = node_of(req, id);
    g_assert_cmpint(what, ==, FUSE_SET_ATTR_MTIME);
    if (!is_ordered(req, MIRROR_POKE, node->path))
        return;
    node->mtime = set->st_mtim;
    if (fs->park) {
        fs->park = FALSE;
        fs->parked = req;
        return;
    }
    on_getattr(req, id, info);
}

static void on_open(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *info)
{
    if ((info->flags & O_ACCMODE) != O_RDONLY &&
        !is_ordered(req, MIRROR_POKE, node_of(req, id)->path))
        return;
    info->direct_io = 1;
    fuse_reply_open(req, info);
}

static void make(fuse_req_t req, fuse_ino_t parent, const char *name, enum mirror_op op)
{
    struct tiny_fs *fs = session_user_data(fuse_req_userdata(req));
    g_autofree char *path = child_path(req, parent, name);
    if (is_ordered(req, op, path))
        reply_entry(req, add_node(fs, path, op == MIRROR_MKDIR));
}

static void on_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
    g_assert_cmpint(mode, ==, S_IFREG | 0644);
    make(req, parent, name, MIRROR_MKNOD);
}

static void on_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    make(req, parent, name, MIRROR_MKDIR);
}

static void drop(fuse_req_t req, fuse_ino_t parent, const char *name, enum mirror_op op)
{
    struct tiny_fs *fs = session_user_data(fuse_req_userdata(req));
    g_autofree char *path = child_path(req, parent, name);
    if (!is_ordered(req, op, path))
        return;
    g_hash_table_remove(fs->by_path, path);
    fuse_reply_err(req, 0);
}

static void on_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    drop(req, parent, name, MIRROR_UNLINK);
}

static void on_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    drop(req, parent, name, MIRROR_RMDIR);
}

static const struct fuse_lowlevel_ops ops = {
    .lookup = on_lookup,
    .forget = on_forget,
    .forget_multi = on_forget_multi,
    .getattr = on_getattr,
    .setattr = on_setattr,
    .open = on_open,
    .mknod = on_mknod,
    .mkdir = on_mkdir,
    .unlink = on_unlink,
    .rmdir = on_rmdir,
};

static void on_ended(gpointer user_data)
{
    struct tiny_fs *fs = user_data;
    g_assert_false(fs->ended);
    fs->ended = TRUE;
}

static void serve(struct tiny_mount *mount, struct tiny_fs *fs, struct fuse_args *args)
{
    g_autofree char *why = NULL;
    mount->memfd = state_create();
    mount->state = state_open(mount->memfd, &why);
    state_shared(mount->state)->epoch = 1;
    struct session_config config = {.fuse_args = args,
                                    .ops = &ops,
                                    .user_data = fs,
                                    .fd = fcntl(mount->mounting.fd, F_DUPFD_CLOEXEC, 3),
                                    .state = mount->state,
                                    .ended = on_ended};
    mount->session = session_new(&config, &why);
    g_assert_cmpstr(why, ==, NULL);
    session_begin(mount->session);
}

gboolean tiny_mount_make(struct tiny_mount *mount, struct tiny_fs *fs, const char *mountpoint,
                         const char *options, char **why)
{
    char *argv[] = {"tiny_fs", "-o", (char *)options, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, argv);
    gboolean made = mounting_make(&mount->mounting, &args, mountpoint, why);
    if (made)
        serve(mount, fs, &args);
    fuse_opt_free_args(&args);
    return made;
}

void tiny_mount_end(struct tiny_mount *mount)
{
    session_free(mount->session);
    mounting_end(&mount->mounting);
    state_close(mount->state);
    close(mount->memfd);
    *mount = (struct tiny_mount){0};
}

struct tiny_fs *tiny_fs_new(void)
{
    if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK)) {
        g_test_skip("mounting needs root and /dev/fuse");
        return NULL;
    }
    struct tiny_fs *fs = g_new0(struct tiny_fs, 1);
    fs->by_path = g_hash_table_new(g_str_hash, g_str_equal);
    fs->by_id = g_ptr_array_new_with_free_func((GDestroyNotify)node_free);
    g_ptr_array_add(fs->by_id, NULL);
    add_node(fs, "", TRUE);
    add_node(fs, "d", TRUE);
    add_node(fs, "e", TRUE);
    add_node(fs, "d/f", FALSE);
    add_node(fs, "e/f", FALSE);
    fs->mountpoint = g_dir_make_tmp("tiny fs-XXXXXX", NULL);
    g_autofree char *why = NULL;
    tiny_mount_make(&fs->mount, fs, fs->mountpoint, "subtype=nacosfs,fsname=tiny", &why);
    g_assert_cmpstr(why, ==, NULL);
    fs->session = fs->mount.session;
    return fs;
}

void tiny_fs_answer_parked(struct tiny_fs *fs)
{
    if (fs->parked)
        fuse_reply_err(fs->parked, EINTR);
    fs->parked = NULL;
}

void tiny_fs_unmount(struct tiny_fs *fs)
{
    tiny_fs_answer_parked(fs);
    if (fs->session)
        tiny_mount_end(&fs->mount);
    fs->session = NULL;
}

void tiny_fs_free(struct tiny_fs *fs)
{
    tiny_fs_unmount(fs);
    g_assert_cmpint(rmdir(fs->mountpoint), ==, 0);
    g_hash_table_unref(fs->by_path);
    g_ptr_array_unref(fs->by_id);
    g_free(fs->mountpoint);
    g_free(fs);
}

guint64 tiny_fs_lookups(const struct tiny_fs *fs, const char *path)
{
    const struct tiny_node *node = g_hash_table_lookup(fs->by_path, path);
    return node->lookups;
}

guint64 tiny_fs_id(const struct tiny_fs *fs, const char *path)
{
    const struct tiny_node *node = g_hash_table_lookup(fs->by_path, path);
    return node->id;
}
