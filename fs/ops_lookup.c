/* SPDX-License-Identifier: MIT
 *
 * LOOKUP, FORGET and attributes.
 */
#include "fs/ops.h"

#include "fs/address.h"
#include "fs/attr.h"
#include "fs/group.h"
#include "fs/names.h"
#include "fs/service.h"

#include <errno.h>
#include <string.h>

/* A name that exists but whose CREATE is still to be announced is shown to a user all the same. The
 * helper's own look-up misses it (entries of groups and services are asked for again at each use),
 * so its MKDIR can raise the CREATE; the kernel moves the directory's dentry over to the new one
 * (d_splice_alias). Nobody has to wait for that: a look-up holds the directory's lock, behind which
 * the helper stands. */

/* --- groups -------------------------------------------------------------------------------- */

static void reply_group(fuse_req_t req, const char *name)
{
    struct fs *fs = ops_fs(req);
    struct group *group = group_find(fs, name);
    if (!group || !(group->visible || group_wanted(group))) {
        fuse_reply_err(req, ENOENT);
        return;
    }
    group_prime(group);
    ops_reply_entry(req, NODE_GROUP, group->id, name, NULL);
}

static void group_asked(struct parked *parked, int error)
{
    if (error)
        fuse_reply_err(parked->req, error);
    else
        reply_group(parked->req, parked->name);
}

static void lookup_group(fuse_req_t req, const char *name)
{
    struct fs *fs = ops_fs(req);
    const struct group *group = group_find(fs, name);
    int error;
    if (strcmp(name, LAYOUT_DOT_NAME) == 0) {
        ops_reply_entry(req, NODE_DOT, 0, name, NULL);
        return;
    }
    if (ops_is_helper(req) && !(group && group->visible)) {
        fuse_reply_err(req, ENOENT);
        return;
    }
    if (group && (group->visible || group_wanted(group))) {
        reply_group(req, name);
        return;
    }
    struct parked *parked = ops_park(req, TREE_ROOT, name, group_asked);
    struct waiter *waiter = root_need_group(fs, name, parked_told, parked, &error);
    parked->gate = &fs->root.parked;
    if (waiter)
        ops_wait(parked, waiter);
    else
        parked_told(parked, error);
}

/* --- services ------------------------------------------------------------------------------ */

static gboolean could_be_name(const char *shown)
{
    g_autofree char *raw = names_decode(shown);
    return raw || strlen(shown) > 200; /* a shortened name cannot be undone, only found in a list */
}

static void reply_service(fuse_req_t req, struct group *group, const char *name, int error)
{
    struct service *service = group ? group_service(group, name) : NULL;
    if (!service || !(service->visible || service_wanted(service))) {
        fuse_reply_err(req, error ? error : ENOENT);
        return;
    }
    ops_reply_entry(req, NODE_SERVICE, service->id, name, NULL);
}

static struct group *parked_group(const struct parked *parked)
{
    const struct node *node = tree_get(parked->fs->tree, parked->node);
    return node ? group_get(parked->fs, node->owner) : NULL;
}

static void service_asked(struct parked *parked, int error)
{
    reply_service(parked->req, parked_group(parked), parked->name, error);
}

/* The listing may be a little older than the question: then the service itself is asked for. */
static void group_listed(struct parked *before, int error)
{
    struct group *group = parked_group(before);
    if (error || !group || g_hash_table_contains(group->services, before->name)) {
        service_asked(before, error);
        return;
    }
    struct parked *parked = ops_park(before->req, before->node, before->name, service_asked);
    struct waiter *waiter =
        group_need_service(group, before->name, before->since, parked_told, parked);
    parked->gate = &group->parked;
    if (waiter)
        ops_wait(parked, waiter);
    else
        parked_told(parked, 0);
}

static void lookup_service(fuse_req_t req, struct group *group, fuse_ino_t parent, const char *name)
{
    const struct service *service = group_service(group, name);
    if (ops_is_helper(req) && !(service && service->visible)) {
        fuse_reply_err(req, ENOENT);
        return;
    }
    if (!could_be_name(name) || (service && (service->visible || service_wanted(service)))) {
        reply_service(req, group, name, 0);
        return;
    }
    struct parked *parked = ops_park(req, parent, name, group_listed);
    struct waiter *waiter = group_need_listing(group, LISTING_FRESH, parked_told, parked);
    parked->gate = &group->parked;
    if (waiter)
        ops_wait(parked, waiter);
    else
        parked_told(parked, 0);
}

/* --- what is in a service ------------------------------------------------------------------ */

static void reply_host(fuse_req_t req, const struct service *service, const char *name, int error)
{
    const struct host *host = hosts_find(&service->hosts, name);
    if (host && host->visible)
        ops_reply_entry(req, NODE_HOST, service->id, name, NULL);
    else
        fuse_reply_err(req, error && !service->view ? error : ENOENT);
}

static void hosts_listed(struct parked *parked, int error)
{
    const struct node *node = tree_get(parked->fs->tree, parked->node);
    reply_host(parked->req, service_get(parked->fs, node->owner), parked->name, error);
}

static gboolean is_host_name(const char *name)
{
    g_auto(instance) instance = {0};
    g_autofree char *why = NULL;
    instance_init(&instance);
    return address_parse_host_name(name, &instance, &why);
}

static void lookup_host(fuse_req_t req, struct service *service, fuse_ino_t parent,
                        const char *name)
{
    const struct host *host = hosts_find(&service->hosts, name);
    if ((host && host->visible) || ops_is_helper(req) || (!host && !is_host_name(name))) {
        reply_host(req, service, name, 0);
        return;
    }
    struct parked *parked = ops_park(req, parent, name, hosts_listed);
    struct waiter *waiter = service_need_list(service, FALSE, parked_told, parked);
    parked->gate = &service->hosts.parked;
    parked->count = &service->parked;
    if (waiter)
        ops_wait(parked, waiter);
    else
        parked_told(parked, 0);
}

static void lookup_service_file(fuse_req_t req, const struct node *parent, const char *name)
{
    const struct layout_file *file = layout_find(LAYOUT_SERVICE, name);
    if (file)
        ops_reply_entry(req, NODE_SERVICE_FILE, parent->owner, name, file);
    else if (strcmp(name, LAYOUT_HOSTS) == 0)
        ops_reply_entry(req, NODE_HOSTS, parent->owner, name, NULL);
    else if (strcmp(name, LAYOUT_CLUSTERS) == 0)
        ops_lookup_clusters(req, parent->owner);
    else
        fuse_reply_err(req, ENOENT);
}

static void lookup_dotfile(fuse_req_t req, const char *name)
{
    const struct layout_file *file = layout_find(LAYOUT_DOT, name);
    if (file)
        ops_reply_entry(req, NODE_DOT_FILE, 0, name, file);
    else if (strcmp(name, LAYOUT_RENDER) == 0)
        ops_reply_entry(req, NODE_RENDER, 0, name, NULL);
    else
        fuse_reply_err(req, ENOENT);
}

void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct fs *fs = ops_fs(req);
    const struct node *node = tree_get(fs->tree, parent);
    struct group *group = node && node->kind == NODE_GROUP ? group_get(fs, node->owner) : NULL;
    struct service *service = node && !group ? service_get(fs, node->owner) : NULL;
    if (strlen(name) > NAMES_MAX)
        fuse_reply_err(req, ENAMETOOLONG);
    else if (node && node->kind == NODE_ROOT)
        lookup_group(req, name);
    else if (node && node->kind == NODE_DOT)
        lookup_dotfile(req, name);
    else if (node && (node->kind == NODE_RENDER || node->kind == NODE_FORMAT))
        ops_lookup_rendered(req, node, name);
    else if (group)
        lookup_service(req, group, parent, name);
    else if (service && node->kind == NODE_SERVICE)
        lookup_service_file(req, node, name);
    else if (service && (node->kind == NODE_CLUSTERS || node->kind == NODE_CLUSTER))
        ops_lookup_cluster(req, node, name);
    else if (service && node->kind == NODE_HOSTS)
        lookup_host(req, service, parent, name);
    else
        fuse_reply_err(req, ENOENT);
}

/* --- FORGET -------------------------------------------------------------------------------- */

void ops_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
    tree_forget(ops_fs(req)->tree, ino, n);
    fuse_reply_none(req);
}

void ops_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    for (size_t i = 0; i < count; i++)
        tree_forget(ops_fs(req)->tree, forgets[i].ino, forgets[i].nlookup);
    fuse_reply_none(req);
}

/* --- attributes ---------------------------------------------------------------------------- */

static void reply_attr(fuse_req_t req, const struct node *node)
{
    struct stat st;
    if (node && attr_fill(ops_fs(req), node, &st))
        fuse_reply_attr(req, &st, attr_timeout(node));
    else
        fuse_reply_err(req, ENOENT);
}

void ops_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    reply_attr(req, tree_get(ops_fs(req)->tree, ino));
}

/* The helper's futimens that makes MODIFY. */
static gboolean is_poke(fuse_req_t req, const struct node *node, int to_set)
{
    const int times = FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW | FUSE_SET_ATTR_CTIME;
    return !(to_set & ~times) && ops_is_poke(req, node);
}

/* cp -p, touch and editors set times and modes after writing: accepted without effect where one may
 * write. */
static int judge_setattr(fuse_req_t req, const struct node *node, const struct stat *attr,
                         int to_set)
{
    gboolean writable = node->kind == NODE_HOST || (node->file && node->file->writable);
    if (is_poke(req, node, to_set))
        return 0;
    if (ops_fs(req)->options->read_only)
        return EROFS;
    if (!writable)
        return EPERM;
    return to_set & FUSE_SET_ATTR_SIZE && attr->st_size != 0 ? EINVAL : 0;
}

void ops_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
                 struct fuse_file_info *fi)
{
    const struct node *node = tree_get(ops_fs(req)->tree, ino);
    int error = node ? judge_setattr(req, node, attr, to_set) : ENOENT;
    if (error)
        fuse_reply_err(req, error);
    else
        reply_attr(req, node);
}
