/* SPDX-License-Identifier: MIT
 *
 * Names in .nacos/render/: looked up by anybody, made, removed and replaced by order of the mirror
 * only.
 */
#include "fs/ops.h"

#include "fs/group.h"
#include "fs/render_dir.h"
#include "fs/service.h"

#include <errno.h>
#include <string.h>

static guint format_of(const struct node *directory)
{
    return (guint)render_format_find(directory->name);
}

/* The file whose replacement by a temporary is ordered from the caller, NULL for everybody else. */
static const struct rendered *ordered_replacement(fuse_req_t req, const struct node *directory)
{
    const struct mirror_order *order =
        mirror_order_from(ops_fs(req)->mirror, fuse_req_ctx(req)->pid);
    if (!order || order->op != MIRROR_REPLACE)
        return NULL;
    const struct rendered *rendered = order->lane->owner; /* nobody else orders that */
    return rendered->format == format_of(directory) ? rendered : NULL;
}

/* --- LOOKUP -------------------------------------------------------------------------------- */

static void reply_rendered(fuse_req_t req, guint format, const char *name, int error)
{
    const struct service *service = render_find(ops_fs(req), format, name);
    if (service && (rendered_wanted(service, format) || rendered_visible(service, format)))
        ops_reply_entry(req, NODE_RENDERED, service->id, render_format_at(format)->name, NULL);
    else
        fuse_reply_err(req, error ? error : ENOENT);
}

static guint parked_format(const struct parked *parked)
{
    return format_of(tree_get(parked->fs->tree, parked->node));
}

/* What an unknown name waits for, one after the other. */
enum step {
    STEP_GROUP,   /* its group */
    STEP_LISTING, /* what is in that */
    STEP_SERVICE, /* the service itself: a listing may be a little older than the question */
};

/* Begins to wait; NULL if there is nothing to wait for, which *error explains. */
static struct waiter *begin_step(struct parked *parked, enum step step, int *error)
{
    struct fs *fs = parked->fs;
    g_autofree char *raw_group = NULL;
    g_autofree char *raw_service = NULL;
    *error = ENOENT;
    if (!render_parse(parked_format(parked), parked->name, &raw_group, &raw_service))
        return NULL;
    *error = 0;
    if (!raw_group) /* a shortened name cannot be undone, only found in a list */
        return render_need_listings(fs, LISTING_FRESH, parked_told, parked);
    g_autofree char *shown_group = names_encode(raw_group);
    g_autofree char *shown = names_encode(raw_service);
    struct group *group = group_find(fs, shown_group);
    if (!group && step == STEP_GROUP)
        return root_need_group(fs, shown_group, parked_told, parked, error);
    if (!group || step == STEP_GROUP)
        return NULL;
    if (step == STEP_LISTING)
        return group_need_listing(group, LISTING_FRESH, parked_told, parked);
    return group_need_service(group, shown, parked->since, parked_told, parked);
}

static void next_step(struct parked *before, int error);

/* `since` (monotonic us): when the look-up came. */
static void take_step(fuse_req_t req, const struct node *directory, const char *name,
                      enum step step, gint64 since)
{
    struct format_directory *format = render_directory(ops_fs(req), format_of(directory));
    struct parked *parked = ops_park(req, directory->id, name, next_step);
    int error;
    parked->gate = &format->parked;
    parked->step = step;
    parked->since = since;
    struct waiter *waiter = begin_step(parked, step, &error);
    if (waiter)
        ops_wait(parked, waiter);
    else
        parked_told(parked, error);
}

static void next_step(struct parked *before, int error)
{
    const struct node *directory = tree_get(before->fs->tree, before->node);
    guint format = format_of(directory);
    if (error || before->step == STEP_SERVICE || render_find(before->fs, format, before->name))
        reply_rendered(before->req, format, before->name, error);
    else
        take_step(before->req, directory, before->name, before->step + 1, before->since);
}

static void lookup_file(fuse_req_t req, const struct node *directory, const char *name)
{
    guint format = format_of(directory);
    const struct rendered *replaced = ordered_replacement(req, directory);
    const struct service *service = render_find(ops_fs(req), format, name);
    gboolean shown = service && rendered_visible(service, format);
    if (replaced && *name == '.' && rendered_temporary(replaced))
        ops_reply_entry(req, NODE_RENDERED_TEMP, replaced->service->id, directory->name, NULL);
    else if (ops_is_helper(req) && !shown) /* what is to be made must not be there yet */
        fuse_reply_err(req, ENOENT);
    else if (ops_is_helper(req) || (service && rendered_wanted(service, format)))
        reply_rendered(req, format, name, 0);
    else
        take_step(req, directory, name, STEP_GROUP, g_get_monotonic_time());
}

void ops_lookup_rendered(fuse_req_t req, const struct node *parent, const char *name)
{
    if (parent->kind == NODE_FORMAT) {
        lookup_file(req, parent, name);
    } else if (render_format_find(name) < 0) {
        fuse_reply_err(req, ENOENT);
    } else {
        render_prime(ops_fs(req));
        ops_reply_entry(req, NODE_FORMAT, 0, name, NULL);
    }
}

/* --- what the mirror does ------------------------------------------------------------------ */

void ops_mknod_rendered(fuse_req_t req, const struct node *parent, const char *name)
{
    struct fs *fs = ops_fs(req);
    guint format = format_of(parent);
    const char *row = render_format_at(format)->name;
    const struct rendered *replaced = ordered_replacement(req, parent);
    struct service *service = render_find(fs, format, name);
    if (service && ops_is_ordered(req, MIRROR_MKNOD, &render_directory(fs, format)->lane, name)) {
        rendered_set_visible(service, format, TRUE);
        ops_reply_entry(req, NODE_RENDERED, service->id, row, NULL);
    } else if (replaced && *name == '.') {
        ops_reply_entry(req, NODE_RENDERED_TEMP, replaced->service->id, row, NULL);
    } else {
        fuse_reply_err(req, fs->options->read_only ? EROFS : EPERM);
    }
}

void ops_unlink_rendered(fuse_req_t req, const struct node *parent, const char *name)
{
    struct fs *fs = ops_fs(req);
    guint format = format_of(parent);
    struct service *service = render_find(fs, format, name);
    if (!service ||
        !ops_is_ordered(req, MIRROR_UNLINK, &render_directory(fs, format)->lane, name)) {
        fuse_reply_err(req, fs->options->read_only ? EROFS : EPERM);
        return;
    }
    ops_forget_name(fs, NODE_RENDERED, service->id, render_format_at(format)->name);
    rendered_set_visible(service, format, FALSE);
    fuse_reply_err(req, 0);
}

/* The temporary's node goes with the name's next look-up, which finds the file's own node again.
 */
void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
                const char *newname, unsigned int flags)
{
    struct fs *fs = ops_fs(req);
    const struct node *directory = tree_get(fs->tree, parent);
    const struct rendered *replaced =
        directory && directory->kind == NODE_FORMAT ? ordered_replacement(req, directory) : NULL;
    g_autofree char *target = replaced ? rendered_name(replaced->service, replaced->format) : NULL;
    if (!replaced || parent != newparent || *name != '.' || strcmp(newname, target) != 0) {
        fuse_reply_err(req, EPERM);
        return;
    }
    ops_forget_name(fs, NODE_RENDERED_TEMP, replaced->service->id,
                    render_format_at(replaced->format)->name);
    fuse_reply_err(req, 0);
}
