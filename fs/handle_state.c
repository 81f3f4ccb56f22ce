/* SPDX-License-Identifier: MIT */
#include "fs/handle_state.h"

#include "fs/events.h"

/* pending; unique and result of the last write and of the last flush; the reader: unique of its
 * last READ, position, offset, loss and rest before it, and the same now. */
#define PLACE "(tubay)"
#define STATE "(ay(tx)(tx)t" PLACE PLACE ")"

static GVariant *string_variant(const GString *string)
{
    return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, string ? string->str : NULL,
                                     string ? string->len : 0, 1);
}

static GVariant *place_variant(const struct stream_place *place)
{
    return g_variant_new("(tub@ay)", place->next, place->given, place->lost,
                         string_variant(place->rest));
}

GBytes *handle_state_pack(const struct handle *handle)
{
    static const struct stream_place none;
    const struct stream_reader *reader = events_reader(handle->fs, handle->id);
    const struct handle_read *read = &handle->read;
    g_autoptr(GVariant) variant = g_variant_ref_sink(g_variant_new(
        "(@ay(tx)(tx)t@" PLACE "@" PLACE ")", string_variant(handle->pending),
        handle->written.unique, (gint64)handle->written.result, handle->flushed.unique,
        (gint64)handle->flushed.result, read->unique, place_variant(reader ? &read->before : &none),
        place_variant(reader ? &reader->place : &none)));
    return g_variant_get_data_as_bytes(variant);
}

static GString *take_string(GVariant *bytes)
{
    g_autoptr(GVariant) owned = bytes;
    gsize length;
    const char *data = g_variant_get_fixed_array(owned, &length, 1);
    return g_string_new_len(data ? data : "", (gssize)length);
}

static void take_place(GVariant *variant, struct stream_place *place)
{
    g_autoptr(GVariant) owned = variant;
    GVariant *rest;
    stream_place_clear(place);
    g_variant_get(owned, "(tub@ay)", &place->next, &place->given, &place->lost, &rest);
    place->rest = take_string(rest);
    if (place->rest->len == 0)
        g_string_free(g_steal_pointer(&place->rest), TRUE);
}

void handle_state_unpack(struct handle *handle, const void *bytes, gsize length)
{
    g_autoptr(GBytes) copy = g_bytes_new(bytes, length);
    g_autoptr(GVariant) variant =
        g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(STATE), copy, FALSE));
    struct stream_reader *reader = events_reader(handle->fs, handle->id);
    GVariant *pending, *before, *now;
    gint64 written, flushed;
    if (!g_variant_is_normal_form(variant))
        return;
    g_variant_get(variant, "(@ay(tx)(tx)t@" PLACE "@" PLACE ")", &pending, &handle->written.unique,
                  &written, &handle->flushed.unique, &flushed, &handle->read.unique, &before, &now);
    g_string_free(handle->pending, TRUE);
    handle->pending = take_string(pending);
    handle->written.result = (gssize)written;
    handle->flushed.result = (gssize)flushed;
    struct stream_place unused = {0};
    take_place(before, reader ? &handle->read.before : &unused);
    take_place(now, reader ? &reader->place : &unused);
    stream_place_clear(&unused);
}
