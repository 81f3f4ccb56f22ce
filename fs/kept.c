/* SPDX-License-Identifier: MIT */
#include "fs/kept.h"

#include "fs/error_log.h"
#include "fs/group.h"
#include "fs/handle.h"
#include "fs/handle_state.h"
#include "fs/host.h"
#include "fs/pack.h"
#include "fs/registered.h"
#include "fs/render_dir.h"
#include "fs/service.h"

#include <string.h>

struct text {
    const void *bytes;
    gsize length;
};

/* What a record is of, but for its bytes. */
struct identity {
    enum record_type type;
    guint64 id;
    const guint64 *words; /* STATE_WORDS of them; borrowed */
};

static struct text text_of(const char *string)
{
    return (struct text){string, strlen(string)};
}

static struct text text_of_bytes(GBytes *bytes)
{
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    return (struct text){data, length};
}

/* The bytes are those of a new record; later ones are set by whoever changes them. */
static void keep(struct fs *fs, struct record **record, struct identity of, struct text text)
{
    if (!*record) {
        *record = state_add(fs->state, of.type, of.id, of.words, text.bytes, text.length);
        return;
    }
    for (int i = 0; i < STATE_WORDS; i++)
        if ((*record)->words[i] != of.words[i])
            state_set_word(*record, i, of.words[i]);
}

void kept_drop(struct fs *fs, struct record **record)
{
    if (*record)
        state_remove(fs->state, *record);
    *record = NULL;
}

static guint64 flag(gboolean set, enum kept_flag bit)
{
    return set ? bit : 0;
}

void kept_root(struct fs *fs)
{
    struct root *root = &fs->root;
    const guint64 words[STATE_WORDS] = {root->listing.answers > 0, (guint64)root->mtime_ns};
    keep(fs, &root->kept, (struct identity){RECORD_ROOT, 1, words}, (struct text){NULL, 0});
}

void kept_group(struct group *group)
{
    const guint64 words[STATE_WORDS] = {
        flag(group->visible, KEPT_VISIBLE) | flag(group->known, KEPT_KNOWN) |
            flag(group->pinned, KEPT_PINNED) | flag(group->listing.answers > 0, KEPT_ANSWERED),
        (guint64)group->mtime_ns};
    keep(group->fs, &group->kept, (struct identity){RECORD_GROUP, group->id, words},
         text_of(group->name));
}

void kept_service(struct service *service)
{
    const guint64 words[STATE_WORDS] = {
        flag(service->visible, KEPT_VISIBLE) | flag(service->known, KEPT_KNOWN) |
            flag(service->pinned, KEPT_PINNED) | flag(service->hidden, KEPT_HIDDEN) |
            flag(service->subscribed, KEPT_SUBSCRIBED) |
            (guint64)service->renderings.visible << KEPT_FORMATS_SHIFT,
        (guint64)service->mtime_ns,
        service->group->id,
        (guint64)service->opened,
        (guint64)service->renderings.mtime_ns,
        (guint64)service->hosts.mtime_ns};
    keep(service->fs, &service->kept, (struct identity){RECORD_SERVICE, service->id, words},
         text_of(service->key.name));
}

void kept_content(struct content_file *content)
{
    struct service *service = content->service;
    const guint64 words[STATE_WORDS] = {(guint64)(content - service->contents),
                                        (guint64)content->version.mtime_ns,
                                        (guint64)content->version.told_ns};
    keep(service->fs, &content->kept, (struct identity){RECORD_CONTENT, service->id, words},
         (struct text){NULL, 0});
}

void kept_host(const struct hosts *hosts, struct host *host)
{
    const struct service *service = hosts->service;
    const guint64 words[STATE_WORDS] = {
        service->id,
        flag(host->visible, KEPT_VISIBLE) | flag(host->wanted, KEPT_WANTED) |
            flag(host->created, KEPT_CREATED),
        (guint64)host->version.mtime_ns, (guint64)host->version.told_ns};
    keep(service->fs, &host->kept, (struct identity){RECORD_HOST, host->id, words},
         text_of(host->name));
}

_Static_assert(CONTENT_COUNT == 3, "kept_cluster has a word for each");

void kept_cluster(struct cluster *cluster)
{
    const struct service *service = cluster->service;
    const struct version *files = cluster->files;
    guint64 flags = flag(cluster->visible, KEPT_VISIBLE);
    for (int i = 0; i < CONTENT_COUNT; i++)
        flags |= (guint64)(files[i].told_ns < files[i].mtime_ns) << (KEPT_OWED_SHIFT + i);
    const guint64 words[STATE_WORDS] = {flags,
                                        (guint64)files[0].mtime_ns,
                                        (guint64)files[1].mtime_ns,
                                        (guint64)files[2].mtime_ns,
                                        (guint64)service->clusters.mtime_ns,
                                        cluster->id};
    keep(service->fs, &cluster->kept, (struct identity){RECORD_CLUSTER, service->id, words},
         text_of(cluster->name));
}

void kept_format(struct format_directory *directory)
{
    const guint64 words[STATE_WORDS] = {(guint64)directory->mtime_ns};
    keep(directory->fs, &directory->kept,
         (struct identity){RECORD_FORMAT, directory->format, words}, (struct text){NULL, 0});
}

void kept_rendered(struct rendered *rendered)
{
    struct service *service = rendered->service;
    const guint64 words[STATE_WORDS] = {rendered->format, flag(rendered->read, KEPT_READ),
                                        (guint64)rendered->version.mtime_ns,
                                        (guint64)rendered->version.told_ns};
    keep(service->fs, &rendered->kept, (struct identity){RECORD_RENDERED, service->id, words},
         (struct text){NULL, 0});
}

/* The version goes with the bytes: both are there or neither. */
static GBytes *versioned(guint64 version, const struct service_info *info)
{
    g_autoptr(GBytes) packed = pack_list(info);
    GByteArray *joined = g_byte_array_new();
    struct text text = text_of_bytes(packed);
    g_byte_array_append(joined, (const guint8 *)&version, sizeof version);
    g_byte_array_append(joined, text.bytes, (guint)text.length);
    return g_byte_array_free_to_bytes(joined);
}

static void keep_bytes(struct fs *fs, struct record **record, struct identity of, GBytes *bytes)
{
    gboolean had = *record != NULL;
    struct text text = text_of_bytes(bytes);
    keep(fs, record, of, text);
    if (had)
        state_set_bytes(fs->state, *record, text.bytes, text.length);
}

void kept_view(struct service *service)
{
    struct fs *fs = service->fs;
    const guint64 words[STATE_WORDS] = {(guint64)service->list_until,
                                        service->view ? service->view->n_hosts : 0};
    const guint64 none[STATE_WORDS] = {0};
    if (!service->view) {
        kept_drop(fs, &service->kept_view);
        kept_drop(fs, &service->kept_list);
        return;
    }
    g_autoptr(GBytes) view = versioned(service->version, service->view);
    keep_bytes(fs, &service->kept_view, (struct identity){RECORD_VIEW, service->id, words}, view);
    if (service->list == service->view) {
        kept_drop(fs, &service->kept_list);
        return;
    }
    g_autoptr(GBytes) list = pack_list(service->list);
    keep_bytes(fs, &service->kept_list, (struct identity){RECORD_LIST, service->id, none}, list);
}

void kept_list_until(struct service *service)
{
    if (service->kept_view)
        state_set_word(service->kept_view, 0, (guint64)service->list_until);
}

/* Few, and seldom: written anew altogether, the new ones before the old ones go. */
void kept_overlay(struct service *service)
{
    GPtrArray *old = service->kept_overlay;
    guint n = overlay_count(&service->overlay);
    if (n == 0 && old->len == 0)
        return;
    service->kept_overlay = g_ptr_array_new();
    for (guint i = 0; i < n; i++) {
        const struct overlay_entry *entry = overlay_at(&service->overlay, i);
        const guint64 words[STATE_WORDS] = {(guint64)entry->since, (guint64)entry->until,
                                            (guint64)entry->gone};
        g_autoptr(GBytes) bytes = pack_instance(&entry->instance);
        struct text text = text_of_bytes(bytes);
        g_ptr_array_add(service->kept_overlay,
                        state_add(service->fs->state, RECORD_OVERLAY, service->id, words,
                                  text.bytes, text.length));
    }
    for (guint i = 0; i < old->len; i++)
        state_remove(service->fs->state, old->pdata[i]);
    g_ptr_array_unref(old);
}

void kept_registration(struct fs *fs, struct registered *registration)
{
    const guint64 words[STATE_WORDS] = {registration->service, (guint64)registration->since_ms,
                                        (guint64)registration->ending,
                                        (guint64)registration->beat_due, registration->lease};
    g_autoptr(GBytes) bytes = pack_instance(&registration->instance);
    keep_bytes(fs, &registration->kept,
               (struct identity){RECORD_REGISTRATION, registration->id, words}, bytes);
}

void kept_registration_beat(struct registered *registration)
{
    if (registration->kept)
        state_set_word(registration->kept, 3, (guint64)registration->beat_due);
}

void kept_handle(struct handle *handle)
{
    const guint64 words[STATE_WORDS] = {
        handle->node,
        handle->unique,
        handle->snapshot,
        flag(handle->interested, KEPT_INTERESTED) | flag(handle->created, KEPT_CREATED) |
            flag(handle->wrote, KEPT_WROTE) | flag(handle->polled, KEPT_POLLED),
        handle->poll_kh,
        (guint64)handle->seen_ns};
    keep(handle->fs, &handle->kept, (struct identity){RECORD_HANDLE, handle->id, words},
         (struct text){NULL, 0});
}

void kept_handle_state(struct handle *handle)
{
    g_autoptr(GBytes) bytes = handle_state_pack(handle);
    struct text text = text_of_bytes(bytes);
    kept_handle(handle);
    state_set_bytes(handle->fs->state, handle->kept, text.bytes, text.length);
}

void kept_error(struct fs *fs, struct error_entry *entry)
{
    const guint64 words[STATE_WORDS] = {(guint64)entry->time_ms, (guint64)entry->error,
                                        entry->count};
    if (entry->count == 0) {
        kept_drop(fs, &entry->kept);
        return;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_len(text, entry->path, (gssize)strlen(entry->path) + 1);
    g_string_append_len(text, entry->server, (gssize)strlen(entry->server) + 1);
    g_string_append_len(text, entry->text, (gssize)strlen(entry->text) + 1);
    keep(fs, &entry->kept, (struct identity){RECORD_ERROR, entry->number, words},
         (struct text){text->str, text->len});
}

void kept_helper(struct fs *fs, pid_t pid, gboolean alive)
{
    if (alive) {
        state_add(fs->state, RECORD_HELPER, (guint64)pid, NULL, NULL, 0);
        return;
    }
    for (guint i = 0; i < state_high(fs->state); i++) {
        struct record *record = state_at(fs->state, i, RECORD_HELPER);
        if (record && record->id == (guint64)pid)
            state_remove(fs->state, record);
    }
}
