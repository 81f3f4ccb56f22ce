/* SPDX-License-Identifier: MIT */
#include "naming/registry/api.h"
#include "naming/registry/json_out.h"
#include "naming/registry/names.h"

static gboolean answer_ok(GString *out)
{
    g_string_append(out, "ok");
    return TRUE;
}

/* What PUT /cluster sets, and what of it is owned. */
struct cluster_form {
    struct store_cluster_record record;
    char *service;
    struct checker checker;
    struct metadata metadata;
};

static void cluster_form_clear(struct cluster_form *form)
{
    g_free(form->service);
    checker_clear(&form->checker);
    metadata_clear(&form->metadata);
}

typedef struct cluster_form cluster_form;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(cluster_form, cluster_form_clear)

static gboolean read_form(const struct api_call *call, struct cluster_form *form, GError **error)
{
    const struct params *params = call->params;
    struct store_cluster_record *record = &form->record;
    form->service = api_service_name(call, error);
    if (!form->service)
        return FALSE;
    *record = (struct store_cluster_record){
        .namespace_id = api_namespace(call),
        .service = form->service,
        .cluster = params_required(params, "clusterName", error),
        .checker = &form->checker,
        .metadata = &form->metadata,
        .use_instance_port = params_bool(params, "useInstancePort4Check", FALSE),
    };
    return record->cluster && params_required(params, "checkPort", error) &&
           params_int(params, "checkPort", &record->check_port, error) &&
           params_required(params, "useInstancePort4Check", error) &&
           params_required(params, "healthChecker", error) &&
           checker_parse(params_get(params, "healthChecker"), &form->checker, error) &&
           metadata_parse(params_get(params, "metadata"), &form->metadata, error);
}

gboolean api_update_cluster(const struct api_call *call, GString *out, GError **error)
{
    g_auto(cluster_form) form = {0};
    struct registry *registry = call->registry;
    static const struct store_change nothing_listed = {STORE_UNCHANGED, NULL, NULL};
    if (!read_form(call, &form, error) ||
        !store_update_cluster(registry->store, &form.record, g_get_monotonic_time(), error))
        return FALSE;
    registry_apply(registry, &nothing_listed);
    return answer_ok(out);
}

/* Also where Nacos would probe, but we may not: somebody has to say how that instance is. */
static gboolean is_settable(const struct registry *registry, const struct store_service *service,
                            const char *cluster, const struct store_instance *instance)
{
    return store_cluster(service, cluster)->checker.type == CHECKER_NONE ||
           (instance && !instance->ephemeral && !probes_cover(registry->probes, instance));
}

static gboolean refuse(const char *why, const char *service, GError **error)
{
    g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT, "%s, service: %s", why, service);
    return FALSE;
}

/* `healthy`, or its other name; what is not there is not set, and no error (HealthController,
 * 1.4.8). */
gboolean api_update_health(const struct api_call *call, GString *out, GError **error)
{
    const struct params *params = call->params;
    struct registry *registry = call->registry;
    struct store_change change;
    struct store_id id = {0};
    g_autofree char *name = api_service_name(call, error);
    if (!name || !api_read_id(call, &id, error) ||
        (!params_get(params, "valid") && !params_required(params, "healthy", error)))
        return FALSE;
    id.service = name;
    id.persistent = TRUE;
    if (!id.cluster)
        id.cluster = NAMES_DEFAULT_CLUSTER;
    struct store_service *service = store_service(registry->store, id.namespace_id, name);
    if (!service)
        return refuse("service not found", name, error);
    struct store_instance *instance = store_find_any(registry->store, &id);
    if (!is_settable(registry, service, id.cluster, instance))
        return refuse("health check is still working", name, error);
    gboolean healthy = params_bool(params, "healthy", params_bool(params, "valid", FALSE));
    if (!instance)
        return answer_ok(out);
    if (!store_set_health(registry->store, instance, healthy, &change, error))
        return FALSE;
    registry_apply(registry, &change);
    return answer_ok(out);
}

static void add_brake(GString *out, const struct store *store)
{
    const struct brake *brake = &store->brake;
    gint64 held = brake->on ? g_get_monotonic_time() - brake->since : 0;
    json_out_member_raw(out, "brake", "{");
    json_out_member_bool(out, "enabled", !brake->disabled);
    json_out_member_bool(out, "on", brake->on);
    json_out_member_int(out, "onForMillis", held / 1000);
    json_out_member_int(out, "times", brake->times);
    json_out_member_int(out, "leastInstances", BRAKE_LEAST);
    json_out_member_int(out, "sweepSeconds", BRAKE_SWEEP_S);
    g_string_append_c(out, '}');
}

static void add_probes(GString *out, const struct probes *probes)
{
    struct probes_figures figures = probes_figures(probes);
    json_out_member_raw(out, "probes", "{");
    json_out_member_bool(out, "enabled", figures.enabled);
    json_out_member_int(out, "inFlight", figures.in_flight);
    json_out_member_int(out, "mostInFlight", figures.most);
    json_out_member_int(out, "done", figures.done);
    json_out_member_int(out, "failed", figures.failed);
    g_string_append_c(out, '}');
}

/* No call of Nacos: what its metrics do not tell about how instances are held to be. */
gboolean api_health_figures(const struct api_call *call, GString *out, GError **error)
{
    const struct store *store = call->registry->store;
    g_string_append_c(out, '{');
    json_out_member_int(out, "ephemeralInstances", store->instance_count - store->persistent_count);
    json_out_member_int(out, "missingInstances", store->missing_count);
    json_out_member_int(out, "persistentInstances", store->persistent_count);
    add_brake(out, store);
    add_probes(out, call->registry->probes);
    g_string_append_c(out, '}');
    return TRUE;
}
