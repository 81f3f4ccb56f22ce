/* SPDX-License-Identifier: MIT
 *
 * The metadata of an instance or a service: kept as the JSON text that every list repeats, not as a
 * tree, with the times that the server itself reads from it (Nacos' PreservedMetadataKeys) beside
 * it.
 */
#pragma once

#include <glib.h>

struct json_object;

#define METADATA_MAX_LENGTH 1024 /* characters of all keys and values (2.x' ParamCheckRule) */
#define METADATA_DEFAULT_BEAT_INTERVAL_MS 5000 /* what Nacos shows where none is named */
#define METADATA_DEFAULT_BEAT_TIMEOUT_MS 15000
#define METADATA_DEFAULT_DELETE_TIMEOUT_MS 30000

struct metadata {
    GRefString *json;          /* owned, interned; a JSON object of strings, "{}" if empty */
    guint32 beat_interval_ms;  /* preserved.heart.beat.interval; 0 = the server's */
    guint32 beat_timeout_ms;   /* preserved.heart.beat.timeout: unhealthy after */
    guint32 delete_timeout_ms; /* preserved.ip.delete.timeout: removed after */
};

/* Reads what UtilsAndCommons.parseMetadata of 1.4.8 reads: a JSON object of scalars (numbers and
 * booleans become strings, null members are dropped) or `k=v,k2=v2`. NULL or "" gives "{}". On
 * FALSE `out` holds nothing. */
gboolean metadata_parse(const char *text, struct metadata *out, GError **error);

/* The same from the "metadata" member of a beat; NULL (absent or JSON null) gives "{}". */
gboolean metadata_from_json(struct json_object *object, struct metadata *out, GError **error);

/* `base` with the members of `change` put in, or with `remove` without those of its names. On FALSE
 * (too long) `out` holds nothing. */
gboolean metadata_merge(const struct metadata *base, const struct metadata *change, gboolean remove,
                        struct metadata *out, GError **error);

/* `to` becomes the same as `from`; what it held before is released. */
void metadata_assign(struct metadata *to, const struct metadata *from);

void metadata_clear(struct metadata *metadata);

typedef struct metadata registry_metadata;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(registry_metadata, metadata_clear)
