/* SPDX-License-Identifier: MIT
 *
 * Extended attributes: how true a list is. They stand on a service's directory, on hosts/ and on
 * the files made of the list; asking for them never asks a server.
 */
#include "fs/ops.h"

#include "fs/freshness.h"

#include <errno.h>
#include <string.h>

/* --- what there is to tell ----------------------------------------------------------------- */

/* FALSE if no list is held. */
static gboolean freshness_of_node(const struct fs *fs, const struct node *node,
                                  struct naming_freshness *freshness)
{
    gboolean of_list = node->kind == NODE_SERVICE || node->kind == NODE_HOSTS ||
                       node->kind == NODE_HOST ||
                       (node->kind == NODE_SERVICE_FILE && node->file->content != CONTENT_NONE);
    const struct service *service = of_list ? service_get(fs, node->owner) : NULL;
    return service && freshness_of(service, freshness);
}

static void show_source(GString *out, const struct naming_freshness *freshness)
{
    g_string_append(out, freshness->source);
}

static void show_age(GString *out, const struct naming_freshness *freshness)
{
    g_string_append_printf(out, "%" G_GINT64_FORMAT,
                           (g_get_monotonic_time() - freshness->confirmed) / 1000);
}

static void show_stale(GString *out, const struct naming_freshness *freshness)
{
    g_string_append(out, freshness->stale ? "true" : "false");
}

static void show_held_back(GString *out, const struct naming_freshness *freshness)
{
    if (freshness->held_back)
        g_string_append_printf(out, "%u", freshness->held_back_hosts);
}

/* Those that show nothing are not there. */
static const struct xattr {
    const char *name;
    void (*show)(GString *out, const struct naming_freshness *freshness);
} xattrs[] = {
    {"user.nacos.source", show_source},
    {"user.nacos.age_ms", show_age},
    {"user.nacos.stale", show_stale},
    {"user.nacos.held_back", show_held_back},
};

/* --- the calls ----------------------------------------------------------------------------- */

/* size 0 asks how long it is. */
static void reply(fuse_req_t req, const GString *value, size_t size)
{
    if (size == 0)
        fuse_reply_xattr(req, value->len);
    else if (size < value->len)
        fuse_reply_err(req, ERANGE);
    else
        fuse_reply_buf(req, value->str, value->len);
}

void ops_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    const struct fs *fs = ops_fs(req);
    const struct node *node = tree_get(fs->tree, ino);
    struct naming_freshness freshness;
    g_autoptr(GString) value = g_string_new(NULL);
    gboolean any =
        node && g_str_has_prefix(name, "user.nacos.") && freshness_of_node(fs, node, &freshness);
    for (gsize i = 0; any && i < G_N_ELEMENTS(xattrs); i++)
        if (strcmp(xattrs[i].name, name) == 0)
            xattrs[i].show(value, &freshness);
    if (value->len)
        reply(req, value, size);
    else
        fuse_reply_err(req, ENODATA);
}

void ops_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    const struct fs *fs = ops_fs(req);
    const struct node *node = tree_get(fs->tree, ino);
    struct naming_freshness freshness;
    g_autoptr(GString) names = g_string_new(NULL);
    gboolean any = node && freshness_of_node(fs, node, &freshness);
    for (gsize i = 0; any && i < G_N_ELEMENTS(xattrs); i++) {
        g_autoptr(GString) value = g_string_new(NULL);
        xattrs[i].show(value, &freshness);
        if (value->len) /* each name with its NUL */
            g_string_append_len(names, xattrs[i].name, (gssize)strlen(xattrs[i].name) + 1);
    }
    reply(req, names, size);
}
