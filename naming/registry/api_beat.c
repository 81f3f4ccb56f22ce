/* SPDX-License-Identifier: MIT */
#include "naming/registry/api.h"
#include "naming/registry/health.h"
#include "naming/registry/json_in.h"
#include "naming/registry/json_out.h"
#include "naming/registry/names.h"

#include <string.h>

#define BEAT_OK 10200        /* NamingResponseCode.OK */
#define BEAT_NOT_FOUND 20404 /* NamingResponseCode.RESOURCE_NOT_FOUND: register again */

/* Who beats. A full beat (RsInfo) describes the whole instance. */
struct beat {
    struct store_record record;
    struct json_object *json; /* owned; NULL = a light beat */
    char *service;            /* owned */
    struct metadata metadata; /* owned; read from the JSON */
};

static void beat_clear(struct beat *beat)
{
    json_object_put(beat->json);
    g_free(beat->service);
    metadata_clear(&beat->metadata);
}

typedef struct beat beat_request;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(beat_request, beat_clear)

static gboolean bad_beat(GError **error, const char *why)
{
    g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_NACOS, "beat format incorrect: %s", why);
    return FALSE;
}

static gboolean read_json(struct beat *beat, GError **error)
{
    struct store_record *record = &beat->record;
    struct json_object *value;
    record->id.ip = json_in_string(beat->json, "ip", NULL);
    if (!json_object_object_get_ex(beat->json, "port", &value) ||
        !json_object_is_type(value, json_type_int))
        return bad_beat(error, "port");
    record->id.port = CLAMP(json_object_get_int64(value), -1, NAMES_MAX_PORT + 1);
    if (!record->id.ip)
        return bad_beat(error, "ip");
    const char *cluster = json_in_string(beat->json, "cluster", NULL);
    if (cluster && *cluster)
        record->id.cluster = cluster;
    if (json_object_object_get_ex(beat->json, "weight", &value))
        record->weight = json_object_get_double(value);
    if (!json_in_bool(beat->json, "ephemeral", TRUE))
        return bad_beat(error, "only ephemeral instances beat");
    if (!json_object_object_get_ex(beat->json, "metadata", &value))
        value = NULL;
    record->metadata = &beat->metadata;
    return metadata_from_json(value, &beat->metadata, error);
}

static gboolean read_beat(const struct api_call *call, struct beat *beat, GError **error)
{
    const struct params *params = call->params;
    struct store_id *id = &beat->record.id;
    const char *json = params_get(params, "beat");
    beat->service = api_service_name(call, error);
    if (!beat->service)
        return FALSE;
    beat->record = (struct store_record){.weight = 1, .healthy = TRUE, .enabled = TRUE};
    id->namespace_id = api_namespace(call);
    id->service = beat->service;
    id->cluster = params_get(params, "clusterName");
    id->ip = params_text(params, "ip", "");
    if (!json)
        return params_int(params, "port", &id->port, error);
    beat->json = json_in_parse(json, strlen(json));
    if (!json_object_is_type(beat->json, json_type_object))
        return bad_beat(error, "not a JSON object");
    return read_json(beat, error);
}

/* `interval_ms` 0 = the instance names none. */
static void answer(const struct switches *switches, GString *out, guint32 interval_ms, gint code)
{
    g_string_append_c(out, '{');
    json_out_member_int(out, "clientBeatInterval",
                        interval_ms ? interval_ms : switches->client_beat_interval);
    json_out_member_int(out, "code", code);
    json_out_member_bool(out, "lightBeatEnabled", switches->light_beat);
    g_string_append_c(out, '}');
}

gboolean api_beat(const struct api_call *call, GString *out, GError **error)
{
    g_auto(beat_request) beat = {0};
    struct store *store = call->registry->store;
    struct store_change change;
    gint64 now = g_get_monotonic_time();
    if (!read_beat(call, &beat, error))
        return FALSE;
    struct store_instance *instance = store_find_any(store, &beat.record.id);
    if (!instance && !beat.json) {
        answer(&call->registry->switches, out, 0, BEAT_NOT_FOUND);
        return TRUE;
    }
    if (instance && !instance->ephemeral)
        change = (struct store_change){0}; /* probes say how it is */
    else if (instance)
        health_beat(store, instance, now, &change);
    else if (!store_register(store, &beat.record, now, &change, error))
        return FALSE;
    registry_apply(call->registry, &change);
    guint32 interval =
        instance ? instance->metadata.beat_interval_ms : beat.metadata.beat_interval_ms;
    answer(&call->registry->switches, out, interval, BEAT_OK);
    return TRUE;
}
