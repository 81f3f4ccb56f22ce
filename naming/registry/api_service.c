/* SPDX-License-Identifier: MIT */
#include "naming/registry/api.h"
#include "naming/registry/json_in.h"
#include "naming/registry/json_out.h"
#include "naming/registry/names.h"

#include <string.h>

/* What POST and PUT /service set, and what of it is owned. */
struct service_form {
    struct store_service_record record;
    char *service;
    struct metadata metadata;
};

static void service_form_clear(struct service_form *form)
{
    g_free(form->service);
    metadata_clear(&form->metadata);
}

typedef struct service_form service_form;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(service_form, service_form_clear)

/* Only "none": a label selector needs a CMDB, which Nacos has by a plug-in alone. */
static gboolean check_selector(const char *text, GError **error)
{
    g_autoptr(json_object) selector = text ? json_in_parse(text, strlen(text)) : NULL;
    if (!text || (json_object_is_type(selector, json_type_object) &&
                  g_str_equal(json_in_string(selector, "type", "none"), "none")))
        return TRUE;
    g_set_error_literal(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT,
                        "Param 'selector' is illegal, this registry knows the type none alone");
    return FALSE;
}

static gboolean read_form(const struct api_call *call, struct service_form *form, GError **error)
{
    const struct params *params = call->params;
    form->service = api_service_name(call, error);
    if (!form->service)
        return FALSE;
    form->record = (struct store_service_record){
        .namespace_id = api_namespace(call), .service = form->service, .metadata = &form->metadata};
    return params_double(params, "protectThreshold", &form->record.protect_threshold, error) &&
           check_selector(params_get(params, "selector"), error) &&
           metadata_parse(params_get(params, "metadata"), &form->metadata, error);
}

static gboolean answer_ok(GString *out)
{
    g_string_append(out, "ok");
    return TRUE;
}

gboolean api_create_service(const struct api_call *call, GString *out, GError **error)
{
    g_auto(service_form) form = {0};
    return read_form(call, &form, error) &&
           store_create_service(call->registry->store, &form.record, error) && answer_ok(out);
}

/* Borrowed; NULL with an error if it is not there. */
static struct store_service *find_service(const struct api_call *call, const char *name,
                                          GError **error)
{
    struct store_service *service = store_service(call->registry->store, api_namespace(call), name);
    if (!service)
        g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_NACOS, "service %s is not found!", name);
    return service;
}

gboolean api_update_service(const struct api_call *call, GString *out, GError **error)
{
    g_auto(service_form) form = {0};
    if (!params_required(call->params, "protectThreshold", error) || !read_form(call, &form, error))
        return FALSE;
    struct store_service *service = find_service(call, form.service, error);
    if (!service || !store_update_service(call->registry->store, service, &form.record, error))
        return FALSE;
    registry_announce(call->registry, form.record.namespace_id, form.service);
    return answer_ok(out);
}

gboolean api_remove_service(const struct api_call *call, GString *out, GError **error)
{
    g_autofree char *name = api_service_name(call, error);
    if (!name)
        return FALSE;
    struct store_service *service = store_service(call->registry->store, api_namespace(call), name);
    if (!service) {
        g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT,
                    "specified service not exist, serviceName : %s", name);
        return FALSE;
    }
    if (!store_remove_service(call->registry->store, service, error))
        return FALSE;
    registry_announce(call->registry, api_namespace(call), name);
    return answer_ok(out);
}

gboolean api_service(const struct api_call *call, GString *out, GError **error)
{
    g_autofree char *name = api_service_name(call, error);
    struct store_service *service = name ? find_service(call, name, error) : NULL;
    if (service)
        service_json_service(out, service);
    return service != NULL;
}
