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
#define ANNOUNCE_GAP (100 * 1000) /* us between two announcements of one file */

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

static void note_told(struct rendered *rendered)
{
    if (!rendered->changed && !rendered->moved)
        rendered->told_ns = rendered->mtime_ns;
    kept_rendered(rendered);
}

static enum mirror_turn rendered_next(gpointer owner, enum mirror_op *op, char **path,
                                      gint64 *not_before)
{
    struct rendered *rendered = owner;
    gint64 now = g_get_monotonic_time();
    if ((rendered->changed || rendered->moved) && !can_be_watched(rendered)) {
        rendered->changed = rendered->moved = FALSE;
        note_told(rendered);
    }
    if (!rendered->changed && !rendered->moved)
        return MIRROR_NOTHING;
    *not_before =
        rendered->changed && rendered->announced_at ? rendered->announced_at + ANNOUNCE_GAP : now;
    if (!rendered_visible(rendered->service, rendered->format)) /* its CREATE is still to come */
        *not_before = now + ANNOUNCE_GAP;
    if (*not_before > now)
        return MIRROR_LATER;
    *op = rendered->changed ? MIRROR_POKE : MIRROR_REPLACE;
    if (rendered->changed)
        rendered->announced_at = now;
    else
        rendered->moved = FALSE;
    rendered->changed = FALSE;
    *path = render_path(rendered->service, rendered->format);
    return MIRROR_ORDER;
}

static void rendered_done(gpointer owner, enum mirror_op op, const char *path, int error)
{
    struct rendered *rendered = owner;
    if (error != EINTR)
        note_told(rendered);
    if (error == 0)
        return;
    g_debug("announcing %s: %s", path, g_strerror(error));
    struct node *temporary = rendered_temporary(rendered);
    if (temporary) /* made and not renamed */
        tree_unlink(rendered->service->fs->tree, temporary);
    if (error != EINTR)
        return;
    rendered->announced_at = 0; /* the helper died: once more, at once */
    rendered->changed |= op == MIRROR_POKE;
    rendered->moved |= op == MIRROR_REPLACE;
}

/* A poke does not need the directory's lock for itself, a rename does. */
static gboolean rendered_gated(gpointer owner)
{
    const struct rendered *rendered = owner;
    return rendered->moved && !rendered->changed &&
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
    rendered->mtime_ns = service->renderings.mtime_ns;
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
    all->mtime_ns = MAX(all->mtime_ns, rendered->mtime_ns);
    kept_drop(service->fs, &rendered->kept);
    mirror_lane_remove(service->fs->mirror, &rendered->lane);
    g_clear_pointer(&rendered->bytes, g_bytes_unref);
    g_free(rendered);
}

/* FALSE if the bytes are what they were. */
static gboolean take_bytes(struct rendered *rendered, const struct service_info *view)
{
    g_autoptr(GBytes) bytes = row_of(rendered)->render(view);
    if (rendered->bytes && g_bytes_equal(rendered->bytes, bytes))
        return FALSE;
    g_clear_pointer(&rendered->bytes, g_bytes_unref);
    rendered->bytes = g_steal_pointer(&bytes);
    rendered->mtime_ns = service_next_mtime(rendered->mtime_ns);
    return TRUE;
}

static void announce(struct rendered *rendered)
{
    rendered->changed = TRUE;
    rendered->moved = row_of(rendered)->replaced;
    kept_rendered(rendered);
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
            take_bytes(rendered, old);
    }
    gboolean first = rendered->bytes == NULL;
    gboolean awaited = service->watched ||
                       service_was_held(service, NODE_RENDERED, render_format_at(format)->name);
    if (!take_bytes(rendered, service->view))
        return;
    if (!first || (awaited && service->view->n_hosts))
        announce(rendered);
    else
        note_told(rendered);
}

gboolean rendered_visible(const struct service *service, guint format)
{
    return (service->renderings.visible >> format) & 1;
}

void rendered_set_visible(struct service *service, guint format, gboolean visible)
{
    struct renderings *all = &service->renderings;
    struct format_directory *directory = directory_of(service, format);
    directory->mtime_ns = service_next_mtime(directory->mtime_ns);
    all->visible &= ~(1u << format);
    all->visible |= (guint)visible << format;
    if (!visible)
        rendered_free(service, format);
    kept_service(service);
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
    if (!service->view || (rendered && rendered->bytes))
        return rendered;
    if (!rendered)
        rendered = rendered_new(service, format);
    if (take_bytes(rendered, service->view))
        note_told(rendered);
    return rendered;
}

gint64 rendered_mtime(const struct service *service, guint format)
{
    const struct rendered *rendered = service->renderings.files[format];
    return rendered ? rendered->mtime_ns : service->renderings.mtime_ns;
}

GBytes *rendered_open(struct service *service, guint format)
{
    const struct rendered *rendered = rendered_get(service, format);
    if (!rendered)
        return NULL;
    service->renderings.files[format]->read = TRUE;
    kept_rendered(service->renderings.files[format]);
    return g_bytes_ref(rendered->bytes);
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
        rendered->bytes = row_of(rendered)->render(service->view);
        if (rendered->told_ns < rendered->mtime_ns)
            announce(rendered);
    }
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
