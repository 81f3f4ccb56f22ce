/* SPDX-License-Identifier: MIT */
#include "fs/render_dir.h"

#include "fs/group.h"
#include "fs/service.h"

#include <errno.h>
#include <string.h>

struct render {
    struct format_directory directories[RENDER_FORMATS];
    GHashTable *stems;      /* stem -> struct service, both borrowed */
    guint asking;           /* listings under way for the waiters */
    int error;              /* of one of them */
    gboolean primed;        /* all groups were listed once: what comes now is new */
    struct waiters waiters; /* for all of them */
};

/* --- the lane: files that come and go -------------------------------------------------------- */

static gboolean is_owed(const struct service *service, guint format)
{
    return rendered_visible(service, format) != rendered_wanted(service, format);
}

static struct service *next_owed(const struct format_directory *directory)
{
    for (guint i = slots_high(directory->fs->services); i > 0; i--) {
        struct service *service = slots_at(directory->fs->services, i);
        if (service && is_owed(service, directory->format))
            return service;
    }
    return NULL;
}

static enum mirror_turn directory_next(gpointer owner, enum mirror_op *op, char **path,
                                       gint64 *not_before)
{
    const struct format_directory *directory = owner;
    struct service *service;
    while ((service = next_owed(directory)) && !directory->held) /* nobody can be watching */
        rendered_set_visible(service, directory->format,
                             rendered_wanted(service, directory->format));
    if (!service)
        return MIRROR_NOTHING;
    *op = rendered_visible(service, directory->format) ? MIRROR_UNLINK : MIRROR_MKNOD;
    *path = render_path(service, directory->format);
    return MIRROR_ORDER;
}

static void directory_done(gpointer owner, enum mirror_op op, const char *path, int error)
{
    struct format_directory *directory = owner;
    struct service *service = render_find(directory->fs, directory->format, strrchr(path, '/') + 1);
    if (!service || error == 0 || error == EINTR)
        return;
    g_debug("announcing %s: %s", path, g_strerror(error));
    rendered_set_visible(service, directory->format, op == MIRROR_MKNOD); /* without an event */
}

static gboolean directory_gated(gpointer owner)
{
    const struct format_directory *directory = owner;
    return directory->parked > 0;
}

static const struct mirror_lane_class directory_lane = {directory_next, directory_done,
                                                        directory_gated};

/* --- life ------------------------------------------------------------------------------------ */

void render_init(struct fs *fs)
{
    struct render *render = g_new0(struct render, 1);
    fs->render = render;
    render->stems = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < RENDER_FORMATS; i++) {
        struct format_directory *directory = &render->directories[i];
        directory->fs = fs;
        directory->format = i;
        directory->mtime_ns = fs->started_ns;
        mirror_lane_init(&directory->lane, &directory_lane, directory);
    }
}

void render_clear(struct fs *fs)
{
    struct render *render = g_steal_pointer(&fs->render);
    for (guint i = 0; i < RENDER_FORMATS; i++)
        mirror_lane_remove(fs->mirror, &render->directories[i].lane);
    waiters_clear(&render->waiters);
    g_hash_table_unref(render->stems);
    g_free(render);
}

struct format_directory *render_directory(const struct fs *fs, guint format)
{
    return &fs->render->directories[format];
}

gboolean render_is_watched(const struct fs *fs)
{
    for (guint i = 0; i < RENDER_FORMATS; i++)
        if (fs->render->directories[i].watched)
            return TRUE;
    return FALSE;
}

gboolean render_is_announced(const struct fs *fs, guint format)
{
    const struct format_directory *directory = render_directory(fs, format);
    return directory->held && (directory->watched || fs->render->primed);
}

/* --- names ------------------------------------------------------------------------------------ */

void render_add(struct service *service)
{
    GHashTable *stems = service->fs->render->stems;
    if (!g_hash_table_contains(stems, service->renderings.stem))
        g_hash_table_insert(stems, service->renderings.stem, service);
}

void render_remove(struct service *service)
{
    GHashTable *stems = service->fs->render->stems;
    if (g_hash_table_lookup(stems, service->renderings.stem) == service)
        g_hash_table_remove(stems, service->renderings.stem);
}

/* The name without the format's ending; NULL if it has another one. New string. */
static char *stem_of(guint format, const char *name)
{
    const char *ending = render_format_at(format)->ending;
    if (!g_str_has_suffix(name, ending))
        return NULL;
    return g_strndup(name, strlen(name) - strlen(ending));
}

struct service *render_find(const struct fs *fs, guint format, const char *name)
{
    g_autofree char *stem = stem_of(format, name);
    struct service *service = stem ? g_hash_table_lookup(fs->render->stems, stem) : NULL;
    if (service)
        service_wake(service);
    return service;
}

gboolean render_parse(guint format, const char *name, char **group, char **service)
{
    g_autofree char *stem = stem_of(format, name);
    g_autofree char *raw = stem ? names_decode(stem) : NULL;
    char *at = raw ? strstr(raw, "@@") : NULL;
    *group = *service = NULL;
    if (stem && !raw)
        return strlen(stem) <= RENDER_STEM_MAX && strchr(stem, '~');
    if (!at || at == raw || !at[2])
        return FALSE;
    *group = g_strndup(raw, (gsize)(at - raw));
    *service = g_strdup(at + 2);
    return TRUE;
}

char *render_path(const struct service *service, guint format)
{
    g_autofree char *name = rendered_name(service, format);
    return g_strdup_printf(LAYOUT_DOT_NAME "/" LAYOUT_RENDER "/%s/%s",
                           render_format_at(format)->name, name);
}

/* --- listings --------------------------------------------------------------------------------- */

static gboolean is_anything_known(const struct fs *fs)
{
    for (guint i = slots_high(fs->groups); i > 0; i--) {
        const struct group *group = slots_at(fs->groups, i);
        if (group && group->listing.answers)
            return TRUE;
    }
    return FALSE;
}

/* One of the listings is answered. With an error the last complete ones are shown. */
static void answered(gpointer user_data, int error)
{
    struct fs *fs = user_data;
    struct render *render = fs->render;
    render->error = error ? error : render->error;
    if (--render->asking)
        return;
    render->primed |= render->error == 0;
    waiters_wake(&render->waiters, is_anything_known(fs) ? 0 : render->error);
}

static void ask_groups(struct fs *fs, gint64 max_age)
{
    for (guint i = slots_high(fs->groups); i > 0; i--) {
        struct group *group = slots_at(fs->groups, i);
        if (group && group_need_listing(group, max_age, answered, fs))
            fs->render->asking++;
    }
}

/* Groups that came with it are asked, too. */
static void root_answered(gpointer user_data, int error)
{
    ask_groups(user_data, LISTING_FRESH);
    answered(user_data, error);
}

struct waiter *render_need_listings(struct fs *fs, gint64 max_age, wait_fn fn, gpointer user_data)
{
    struct render *render = fs->render;
    if (!render->asking) {
        render->error = 0;
        if (root_need_listing(fs, max_age, root_answered, fs))
            render->asking++;
        else
            ask_groups(fs, max_age);
    }
    if (render->asking)
        return waiters_add(&render->waiters, fn, user_data);
    render->primed = TRUE;
    return NULL;
}

static void primed(gpointer user_data, int error)
{
}

void render_prime(struct fs *fs)
{
    if (!fs->render->primed && !fs->render->asking)
        render_need_listings(fs, LISTING_FRESH, primed, NULL);
}

void render_begin(struct fs *fs)
{
    fs->render->primed = fs->root.listing.answers > 0;
}
