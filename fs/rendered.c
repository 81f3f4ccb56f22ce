/* SPDX-License-Identifier: MIT */
#include "fs/rendered.h"

#include "fs/kept.h"
#include "fs/names.h"
#include "fs/render_dir.h"
#include "fs/service.h"
#include "fs/tree.h"

#include <errno.h>
#include <string.h>

#define ALL_VISIBLE ((1u << RENDER_FORMATS) - 1)

static const struct render_format *row_of(const struct rendered *rendered)
{
    return render_format_at(rendered->format);
}

static struct format_directory *directory_of(const struct service *service, guint format)
{
    return render_directory(service->fs, format);
}

static const struct node *node_of(const struct service *service, guint format)
{
    return tree_find(service->fs->tree, NODE_RENDERED, service->id, render_format_at(format)->name);
}

struct node *rendered_temporary(const struct rendered *rendered)
{
    return tree_find(rendered->service->fs->tree, NODE_RENDERED_TEMP, rendered->service->id,
                     row_of(rendered)->name);
}

/* --- announcing ---------------------------------------------------------------------------- */

static gboolean can_be_watched(const struct rendered *rendered)
{
    return directory_of(rendered->service, rendered->format)->held ||
           node_of(rendered->service, rendered->format);
}

static gboolean is_owed(const struct rendered *rendered)
{
    return rendered->version.changed || rendered->moved;
}

static enum mirror_turn rendered_next(gpointer owner, enum mirror_op *op, char **path,
                                      gint64 *not_before)
{
    struct rendered *rendered = owner;
    gint64 now = g_get_monotonic_time();
    if (is_owed(rendered) && !can_be_watched(rendered)) {
        rendered->moved = FALSE;
        version_settle(&rendered->version);
        kept_rendered(rendered);
    }
    if (!is_owed(rendered))
        return MIRROR_NOTHING;
    *not_before = rendered->version.changed ? version_due(&rendered->version) : now;
    if (!rendered_visible(rendered->service, rendered->format)) /* its CREATE is still to come */
        *not_before = now + SERVICE_COMING_GAP;
    if (*not_before > now)
        return MIRROR_LATER;
    *op = rendered->version.changed ? MIRROR_POKE : MIRROR_REPLACE;
    if (*op == MIRROR_POKE)
        version_telling(&rendered->version);
    else
        rendered->moved = FALSE;
    *path = render_path(rendered->service, rendered->format);
    return MIRROR_ORDER;
}

/* The helper died: once more, at once. */
static void again(struct rendered *rendered, enum mirror_op op)
{
    if (op == MIRROR_POKE)
        version_again(&rendered->version);
    else
        rendered->moved = TRUE;
}

static void rendered_done(gpointer owner, enum mirror_op op, const char *path, int error)
{
    struct rendered *rendered = owner;
    struct node *temporary = error ? rendered_temporary(rendered) : NULL;
    if (error)
        g_debug("announcing %s: %s", path, g_strerror(error));
    if (temporary) /* made and not renamed */
        tree_unlink(rendered->service->fs->tree, temporary);
    if (error == EINTR)
        again(rendered, op);
    else if (!rendered->moved)
        version_told(&rendered->version);
    kept_rendered(rendered);
}

/* A poke does not need the directory's lock for itself, a rename does. */
static gboolean rendered_gated(gpointer owner)
{
    const struct rendered *rendered = owner;
    return rendered->moved && !rendered->version.changed &&
           directory_of(rendered->service, rendered->format)->parked > 0;
}

static const struct mirror_lane_class rendered_lane_class = {rendered_next, rendered_done,
                                                             rendered_gated};

/* --- one file ------------------------------------------------------------------------------ */

static struct rendered *rendered_new(struct service *service, guint format)
{
    struct rendered *rendered = g_new0(struct rendered, 1);
    rendered->service = service;
    rendered->format = format;
    version_init(&rendered->version, service->renderings.mtime_ns);
    mirror_lane_init(&rendered->lane, &rendered_lane_class, rendered);
    service->renderings.files[format] = rendered;
    return rendered;
}

static void rendered_free(struct service *service, guint format)
{
    struct renderings *all = &service->renderings;
    struct rendered *rendered = g_steal_pointer(&all->files[format]);
    if (!rendered)
        return;
    all->mtime_ns = MAX(all->mtime_ns, rendered->version.mtime_ns);
    kept_drop(service->fs, &rendered->kept);
    mirror_lane_remove(service->fs->mirror, &rendered->lane);
    version_clear(&rendered->version);
    g_free(rendered);
}

/* FALSE if the bytes are what they were. */
static gboolean take_view(struct rendered *rendered, const struct service_info *view,
                          gboolean announce)
{
    return version_take(&rendered->version, row_of(rendered)->render(view), announce);
}

static void announce(struct rendered *rendered)
{
    rendered->moved = row_of(rendered)->replaced;
    mirror_mark(rendered->service->fs->mirror, &rendered->lane);
}

char *rendered_name(const struct service *service, guint format)
{
    return g_strconcat(service->renderings.stem, render_format_at(format)->ending, NULL);
}

/* What is looked at does not vanish, as with services. "GROUP@@SERVICE" is cut at the first "@@",
 * by servers, too. */
gboolean rendered_wanted(const struct service *service, guint format)
{
    return !strstr(service->key.group, "@@") &&
           (service_exists(service) || node_of(service, format));
}

/* As with the other files, the first list is news only to those who were there before it. */
static void update_file(struct service *service, guint format, const struct service_info *old)
{
    struct rendered *rendered = service->renderings.files[format];
    if (!rendered_wanted(service, format))
        return;
    if (!rendered && !node_of(service, format) && !directory_of(service, format)->held)
        return;
    if (!rendered) {
        rendered = rendered_new(service, format);
        if (old)
            take_view(rendered, old, FALSE);
    }
    gboolean first = rendered->version.bytes == NULL;
    gboolean awaited = service->watched ||
                       service_was_held(service, NODE_RENDERED, render_format_at(format)->name);
    gboolean news = !first || (awaited && service->view->n_hosts);
    if (!take_view(rendered, service->view, news))
        return;
    if (news)
        announce(rendered);
    kept_rendered(rendered);
}

gboolean rendered_visible(const struct service *service, guint format)
{
    return (service->renderings.visible >> format) & 1;
}

void rendered_set_visible(struct service *service, guint format, gboolean visible)
{
    struct renderings *all = &service->renderings;
    struct format_directory *directory = directory_of(service, format);
    directory->mtime_ns = version_next_mtime(directory->mtime_ns);
    all->visible &= ~(1u << format);
    all->visible |= (guint)visible << format;
    if (!visible)
        rendered_free(service, format);
    kept_service(service);
    kept_format(directory);
}

struct rendered *rendered_restore(struct service *service, guint64 format)
{
    if (format >= RENDER_FORMATS || service->renderings.files[format])
        return NULL;
    return rendered_new(service, (guint)format);
}

const struct rendered *rendered_get(struct service *service, guint format)
{
    struct rendered *rendered = service->renderings.files[format];
    if (!service->view || (rendered && rendered->version.bytes))
        return rendered;
    if (!rendered)
        rendered = rendered_new(service, format);
    if (take_view(rendered, service->view, FALSE))
        kept_rendered(rendered);
    return rendered;
}

gint64 rendered_mtime(const struct service *service, guint format)
{
    const struct rendered *rendered = service->renderings.files[format];
    return rendered ? rendered->version.mtime_ns : service->renderings.mtime_ns;
}

GBytes *rendered_open(struct service *service, guint format)
{
    const struct rendered *rendered = rendered_get(service, format);
    if (!rendered)
        return NULL;
    service->renderings.files[format]->read = TRUE;
    kept_rendered(service->renderings.files[format]);
    return g_bytes_ref(rendered->version.bytes);
}

const struct mirror_lane *rendered_lane(const struct service *service, guint format)
{
    const struct rendered *rendered = service->renderings.files[format];
    return rendered ? &rendered->lane : NULL;
}

/* --- all files of a service ------------------------------------------------------------------ */

void renderings_init(struct service *service)
{
    g_autofree char *grouped = service_key_grouped(&service->key);
    service->renderings.stem = names_encode_within(grouped, RENDER_STEM_MAX);
    service->renderings.mtime_ns = service->mtime_ns;
    render_add(service);
}

void renderings_clear(struct service *service)
{
    for (guint i = 0; i < RENDER_FORMATS; i++)
        rendered_free(service, i);
    render_remove(service);
    g_free(service->renderings.stem);
}

void renderings_update(struct service *service, const struct service_info *old)
{
    for (guint i = 0; i < RENDER_FORMATS; i++)
        update_file(service, i, old);
}

void renderings_restore_view(struct service *service)
{
    for (guint i = 0; i < RENDER_FORMATS; i++) {
        struct rendered *rendered = service->renderings.files[i];
        if (!rendered)
            continue;
        take_view(rendered, service->view, FALSE);
        if (rendered->version.changed)
            announce(rendered);
    }
}

void renderings_forget(struct service *service)
{
    gint64 before = service->renderings.mtime_ns;
    for (guint i = 0; i < RENDER_FORMATS; i++)
        if (service->renderings.files[i] && !node_of(service, i))
            rendered_free(service, i);
    if (service->renderings.mtime_ns != before)
        kept_service(service);
}

void renderings_sync(struct service *service)
{
    if (service->renderings.visible == ALL_VISIBLE && service_exists(service))
        return; /* as nearly always, several times a second */
    for (guint i = 0; i < RENDER_FORMATS; i++) {
        gboolean wanted = rendered_wanted(service, i);
        if (wanted == rendered_visible(service, i))
            continue;
        if (render_is_announced(service->fs, i))
            mirror_mark(service->fs->mirror, &directory_of(service, i)->lane);
        else
            rendered_set_visible(service, i, wanted);
    }
}

gboolean renderings_are_followed(const struct service *service)
{
    for (guint i = 0; i < RENDER_FORMATS; i++) {
        const struct rendered *rendered = service->renderings.files[i];
        if (rendered && rendered->read && directory_of(service, i)->watched)
            return TRUE;
    }
    return FALSE;
}
