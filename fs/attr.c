/* SPDX-License-Identifier: MIT */
#include "fs/attr.h"

#include "fs/group.h"
#include "fs/render_dir.h"
#include "fs/service.h"

#define NS_PER_SEC 1000000000
#define FIXED_TIMEOUT 1.0

static void set_time(struct stat *st, gint64 ns)
{
    st->st_mtim.tv_sec = ns / NS_PER_SEC;
    st->st_mtim.tv_nsec = ns % NS_PER_SEC;
    st->st_ctim = st->st_atim = st->st_mtim;
}

static void set_mode(const struct fs *fs, struct stat *st, mode_t mode, gboolean shared)
{
    if (shared && fs->options->gid_given)
        mode |= S_IWGRP;
    st->st_mode = mode & ~(fs->options->umask & 077);
    st->st_nlink = S_ISDIR(mode) ? 2 : 1;
    st->st_uid = fs->options->uid;
    st->st_gid = fs->options->gid;
    st->st_blksize = 4096;
}

static void set_size(struct stat *st, GBytes *bytes)
{
    st->st_size = bytes ? (off_t)g_bytes_get_size(bytes) : 0;
    st->st_blocks = (st->st_size + 511) / 512;
}

static gboolean fill_service_file(const struct fs *fs, const struct node *node, struct stat *st)
{
    const struct service *service = service_get(fs, node->owner);
    const struct layout_file *file = node->file;
    if (!service)
        return FALSE;
    set_mode(fs, st, S_IFREG | 0644, file->writable);
    set_time(st, service->mtime_ns);
    if (file->content == CONTENT_NONE)
        return TRUE;
    const struct content_file *content = &service->contents[file->content];
    set_size(st, content->version.bytes);
    set_time(st, content->version.mtime_ns);
    return TRUE;
}

/* Two links: watches survive the rename of a temporary name over it (mirror.h). */
static gboolean fill_rendered(const struct fs *fs, const struct node *node, struct stat *st)
{
    struct service *service = service_get(fs, node->owner);
    int format = render_format_find(node->name);
    if (!service || format < 0)
        return FALSE;
    const struct rendered *rendered = rendered_get(service, (guint)format);
    set_mode(fs, st, S_IFREG | 0644, FALSE);
    set_size(st, rendered ? rendered->version.bytes : NULL);
    set_time(st, rendered_mtime(service, (guint)format));
    if (render_format_at((guint)format)->replaced)
        st->st_nlink = 2;
    return TRUE;
}

static gboolean fill_cluster_file(const struct fs *fs, const struct node *node, struct stat *st)
{
    struct service *service = service_get(fs, node->owner);
    const struct version *file = service ? cluster_file(service, node) : NULL;
    if (!service || !cluster_of(service, node))
        return FALSE;
    set_mode(fs, st, S_IFREG | 0644, FALSE);
    set_size(st, file ? file->bytes : NULL);
    set_time(st, file ? file->mtime_ns : service->mtime_ns);
    return TRUE;
}

static gboolean fill_host(const struct fs *fs, const struct node *node, struct stat *st)
{
    const struct service *service = service_get(fs, node->owner);
    const struct host *host = service ? hosts_find(&service->hosts, node->name) : NULL;
    if (!host)
        return FALSE;
    set_mode(fs, st, S_IFREG | 0644, TRUE);
    set_size(st, host->version.bytes);
    set_time(st, host->version.mtime_ns);
    return TRUE;
}

static gboolean fill_clusters(const struct fs *fs, const struct node *node, struct stat *st)
{
    struct service *service = service_get(fs, node->owner);
    set_mode(fs, st, S_IFDIR | 0755, FALSE);
    if (service)
        set_time(st, service->clusters.mtime_ns);
    return service && (node->kind == NODE_CLUSTERS || cluster_of(service, node));
}

static gboolean fill_directory(const struct fs *fs, const struct node *node, struct stat *st)
{
    const struct service *service = node->kind == NODE_SERVICE || node->kind == NODE_HOSTS
                                        ? service_get(fs, node->owner)
                                        : NULL;
    const struct group *group = node->kind == NODE_GROUP ? group_get(fs, node->owner) : NULL;
    set_mode(fs, st, S_IFDIR | 0755, node->kind == NODE_HOSTS);
    set_time(st, node->kind == NODE_ROOT ? fs->root.mtime_ns : fs->started_ns);
    if (node->kind == NODE_FORMAT)
        set_time(st, render_directory(fs, (guint)render_format_find(node->name))->mtime_ns);
    if (group)
        set_time(st, group->mtime_ns);
    if (service)
        set_time(st, node->kind == NODE_HOSTS ? service->hosts.mtime_ns : service->mtime_ns);
    return service || group || node->kind == NODE_ROOT || node->kind == NODE_DOT ||
           node->kind == NODE_RENDER || node->kind == NODE_FORMAT;
}

gboolean attr_fill(const struct fs *fs, const struct node *node, struct stat *st)
{
    *st = (struct stat){0};
    g_autofree char *path = attr_path(fs, node);
    st->st_ino = node->kind == NODE_ROOT ? TREE_ROOT : tree_ino(path);
    switch (node->kind) {
    case NODE_SERVICE_FILE:
        return fill_service_file(fs, node, st);
    case NODE_HOST:
        return fill_host(fs, node, st);
    case NODE_RENDERED:
    case NODE_RENDERED_TEMP:
        return fill_rendered(fs, node, st);
    case NODE_CLUSTER_FILE:
        return fill_cluster_file(fs, node, st);
    case NODE_CLUSTERS:
    case NODE_CLUSTER:
        return fill_clusters(fs, node, st);
    case NODE_DOT_FILE:
        set_mode(fs, st, S_IFREG | 0644, FALSE);
        set_time(st, fs->started_ns);
        return TRUE;
    default:
        return fill_directory(fs, node, st);
    }
}

double attr_timeout(const struct node *node)
{
    switch (node->kind) {
    case NODE_HOST:
    case NODE_DOT_FILE:
    case NODE_RENDERED:
    case NODE_RENDERED_TEMP:
        return 0;
    case NODE_CLUSTER_FILE:
    case NODE_SERVICE_FILE: /* bytes and time change without a word to the kernel */
        return node->file->content == CONTENT_NONE ? FIXED_TIMEOUT : 0;
    case NODE_GROUP:
    case NODE_SERVICE:
    case NODE_HOSTS:
    case NODE_FORMAT:
    case NODE_CLUSTERS:
    case NODE_CLUSTER:
    case NODE_ROOT: /* their times change with what comes and goes */
        return 0;
    default:
        return FIXED_TIMEOUT;
    }
}

double attr_entry_timeout(const struct fs *fs, const struct node *node)
{
    const struct group *group = node->kind == NODE_GROUP ? group_get(fs, node->owner) : NULL;
    if (group)
        return group->visible ? FIXED_TIMEOUT : 0;
    switch (node->kind) {
    case NODE_HOST:
    case NODE_SERVICE:
    case NODE_RENDERED:
    case NODE_RENDERED_TEMP:
        return 0;
    default:
        return FIXED_TIMEOUT;
    }
}

/* The temporary stands for the file. */
static char *rendered_path(const struct fs *fs, const struct node *node)
{
    const struct service *service = service_get(fs, node->owner);
    int format = render_format_find(node->name);
    return service && format >= 0 ? render_path(service, (guint)format) : g_strdup("?");
}

char *attr_path(const struct fs *fs, const struct node *node)
{
    const struct group *group = NULL;
    const struct service *service = NULL;
    switch (node->kind) {
    case NODE_ROOT:
        return g_strdup("");
    case NODE_DOT:
        return g_strdup(LAYOUT_DOT_NAME);
    case NODE_DOT_FILE:
        return g_strconcat(LAYOUT_DOT_NAME "/", node->name, NULL);
    case NODE_RENDER:
        return g_strdup(LAYOUT_DOT_NAME "/" LAYOUT_RENDER);
    case NODE_FORMAT:
        return g_strconcat(LAYOUT_DOT_NAME "/" LAYOUT_RENDER "/", node->name, NULL);
    case NODE_RENDERED:
    case NODE_RENDERED_TEMP:
        return rendered_path(fs, node);
    case NODE_GROUP:
        group = group_get(fs, node->owner);
        return g_strdup(group ? group->shown : "?");
    default:
        service = service_get(fs, node->owner);
    }
    const char *path = service ? service->path : "?";
    if (node->kind == NODE_SERVICE)
        return g_strdup(path);
    if (node->kind == NODE_HOST)
        return g_strconcat(path, "/" LAYOUT_HOSTS "/", node->name, NULL);
    return g_strconcat(path, "/", node->name, NULL);
}
