/* SPDX-License-Identifier: MIT */
#include "naming/naming_proxy.h"

#include "naming/call_metrics.h"
#include "naming/codec.h"
#include "naming/endpoint.h"
#include "naming/naming_proxy_call.h"

#include <string.h>

/* --- what every call has --- */

static void proxy_call_cancel(struct naming_call *naming_call)
{
    struct proxy_call *call = (struct proxy_call *)naming_call;
    proxy_call_ended(call);
    proxy_call_free(call);
}

gpointer proxy_call_new(struct naming_proxy *proxy, gsize size, proxy_call_clear_fn clear,
                        gpointer user_data)
{
    struct proxy_call *call = g_malloc0(size);
    call->call.cancel = proxy_call_cancel;
    call->proxy = proxy;
    call->deadline = g_get_monotonic_time() + (gint64)proxy->transport->timeout_ms * 1000;
    call->clear = clear;
    call->user_data = user_data;
    call->link.data = call;
    g_queue_push_tail_link(&proxy->calls, &call->link);
    return call;
}

void proxy_call_ended(struct proxy_call *call)
{
    g_queue_unlink(&call->proxy->calls, &call->link);
}

void proxy_call_free(struct proxy_call *call)
{
    if (call->request != NULL)
        naming_request_cancel(call->request);
    if (call->clear != NULL)
        call->clear(call);
    g_free(call);
}

GString *proxy_query(const struct naming_proxy *proxy, const struct service_key *key)
{
    GString *query = g_string_new(NULL);
    g_autofree char *grouped = service_key_grouped(key);
    http_form_add(query, "serviceName", grouped);
    http_form_add(query, "namespaceId", proxy->namespace_id);
    return query;
}

static void add_number(GString *query, const char *name, guint number)
{
    char text[16];
    g_snprintf(text, sizeof text, "%u", number);
    http_form_add(query, name, text);
}

static void add_boolean(GString *query, const char *name, gboolean value)
{
    http_form_add(query, name, value ? "true" : "false");
}

void proxy_query_address(GString *query, const struct instance *instance)
{
    http_form_add(query, "ip", instance->ip);
    add_number(query, "port", instance->port);
    http_form_add(query, "clusterName", instance->cluster_name);
}

/* --- register, update, deregister --- */

struct write_call {
    struct proxy_call base;
    naming_done_fn done;
};

/* A 200 from something that is no Nacos (a portal's log-in page) must not pass for a registration.
 */
static gboolean decode_ok(const char *body, gsize length, gpointer user_data, char **why)
{
    g_autofree char *text = g_strstrip(g_strndup(body, length));
    if (g_ascii_strcasecmp(text, "ok") == 0)
        return TRUE;
    *why = g_strdup("the reply is not \"ok\"");
    return FALSE;
}

static void on_written(const struct naming_result *result, gpointer user_data)
{
    struct write_call *call = user_data;
    call->base.request = NULL;
    proxy_call_ended(&call->base);
    call->done(result, call->base.user_data);
    proxy_call_free(&call->base);
}

struct write {
    enum naming_call_kind call;
    const char *method;
    const struct service_key *key;
};

/* Takes `query`. */
static struct naming_call *write_instance(struct naming_proxy *proxy, const struct write *write,
                                          GString *query, naming_done_fn done, gpointer user_data)
{
    struct write_call *call = proxy_call_new(proxy, sizeof *call, NULL, user_data);
    struct naming_request_spec spec = {
        .call = write->call,
        .method = write->method,
        .service = write->key,
        .path = "/v1/ns/instance",
        .query = query->str,
        .deadline = call->base.deadline,
        .attempt_ms = PROXY_ATTEMPT_MS,
    };
    call->done = done;
    call->base.request = naming_request_send(proxy->transport, &spec, decode_ok, on_written, call);
    g_string_free(query, TRUE);
    return &call->base.call;
}

/* A whole record, as register and update send it. */
static GString *record_query(const struct naming_proxy *proxy, const struct service_key *key,
                             const struct instance *instance)
{
    g_autofree char *weight = codec_weight(instance->weight);
    g_autofree char *metadata = codec_metadata(instance->metadata);
    GString *query = proxy_query(proxy, key);
    http_form_add(query, "groupName", key->group);
    proxy_query_address(query, instance);
    http_form_add(query, "weight", weight);
    add_boolean(query, "enabled", instance->enabled); /* servers prefer it to "enable" */
    add_boolean(query, "healthy", instance->healthy);
    add_boolean(query, "ephemeral", instance->ephemeral);
    http_form_add(query, "metadata", metadata);
    return query;
}

struct naming_call *naming_proxy_register(struct naming_proxy *proxy, const struct service_key *key,
                                          const struct instance *instance, naming_done_fn done,
                                          gpointer user_data)
{
    const struct write write = {NAMING_CALL_REGISTER, "POST", key};
    GString *query = record_query(proxy, key, instance);
    add_boolean(query, "enable", instance->enabled); /* the Java client's name for it here */
    return write_instance(proxy, &write, query, done, user_data);
}

struct naming_call *naming_proxy_update(struct naming_proxy *proxy, const struct service_key *key,
                                        const struct instance *instance, naming_done_fn done,
                                        gpointer user_data)
{
    const struct write write = {NAMING_CALL_UPDATE, "PUT", key};
    return write_instance(proxy, &write, record_query(proxy, key, instance), done, user_data);
}

struct naming_call *naming_proxy_deregister(struct naming_proxy *proxy,
                                            const struct service_key *key,
                                            const struct instance *like, naming_done_fn done,
                                            gpointer user_data)
{
    const struct write write = {NAMING_CALL_DEREGISTER, "DELETE", key};
    GString *query = proxy_query(proxy, key);
    http_form_add(query, "groupName", key->group);
    proxy_query_address(query, like);
    add_boolean(query, "ephemeral", like->ephemeral);
    return write_instance(proxy, &write, query, done, user_data);
}

/* --- beat --- */

struct beat_call {
    struct proxy_call base;
    struct beat_reply reply;
    naming_proxy_beat_fn done;
};

static gboolean decode_beat(const char *body, gsize length, gpointer user_data, char **why)
{
    struct beat_call *call = user_data;
    return codec_beat_reply(body, length, &call->reply, why);
}

static void on_beaten(const struct naming_result *result, gpointer user_data)
{
    struct beat_call *call = user_data;
    call->base.request = NULL;
    proxy_call_ended(&call->base);
    call->done(result, result->status == NAMING_OK ? &call->reply : NULL, call->base.user_data);
    proxy_call_free(&call->base);
}

struct naming_call *naming_proxy_beat(struct naming_proxy *proxy, const struct service_key *key,
                                      const struct instance *instance, gint64 period_ms,
                                      gboolean light, guint timeout_ms, naming_proxy_beat_fn done,
                                      gpointer user_data)
{
    struct beat_call *call = proxy_call_new(proxy, sizeof *call, NULL, user_data);
    g_autoptr(GString) form = g_string_new(NULL);
    g_autoptr(GString) query = proxy_query(proxy, key);
    proxy_query_address(query, instance);
    if (!light) {
        g_autofree char *info = codec_beat_info(key, instance, period_ms);
        http_form_add(form, "beat", info);
    }
    struct naming_request_spec spec = {
        .call = NAMING_CALL_BEAT,
        .method = "PUT",
        .path = "/v1/ns/instance/beat",
        .query = query->str,
        .form = light ? NULL : form->str,
        .urgent = TRUE,
        .service = key,
        .deadline = g_get_monotonic_time() + (gint64)timeout_ms * 1000,
        .attempt_ms = PROXY_BEAT_MS,
    };
    call->done = done;
    call->base.request = naming_request_send(proxy->transport, &spec, decode_beat, on_beaten, call);
    return &call->base.call;
}

/* --- the proxy itself --- */

static const char *proxy_refuses(const struct naming_config *config)
{
    if (config->servers == NULL || config->servers[0] == NULL)
        return "no server";
    if (config->timeout_ms == 0 || config->connect_timeout_ms == 0)
        return "a time-out of 0";
    return config->max_response == 0 ? "no room for a reply" : NULL;
}

struct naming_proxy *naming_proxy_new(const struct naming_config *config,
                                      const struct trouble *trouble, char **why)
{
    const char *namespace_id = config->namespace_id != NULL ? config->namespace_id : "public";
    g_autofree char *reason = g_strdup(proxy_refuses(config));
    g_autofree char *endpoint = NULL;
    if (reason == NULL && config->endpoint != NULL)
        endpoint = endpoint_url(config->endpoint, namespace_id, &reason);
    if (reason != NULL) {
        if (why != NULL)
            *why = g_steal_pointer(&reason);
        return NULL;
    }
    struct naming_proxy *proxy = g_new0(struct naming_proxy, 1);
    proxy->transport = naming_transport_new(config, endpoint, trouble);
    proxy->namespace_id = g_strdup(namespace_id);
    proxy->clusters = g_strdup(config->clusters != NULL ? config->clusters : "");
    return proxy;
}

void naming_proxy_reload(struct naming_proxy *proxy, const struct naming_credentials *credentials)
{
    naming_transport_reload(proxy->transport, credentials);
}

void naming_proxy_free(struct naming_proxy *proxy)
{
    if (proxy == NULL)
        return;
    GList *first;
    while ((first = g_queue_peek_head_link(&proxy->calls)) != NULL)
        proxy_call_cancel(&((struct proxy_call *)first->data)->call);
    naming_transport_free(proxy->transport);
    g_free(proxy->namespace_id);
    g_free(proxy->clusters);
    g_free(proxy);
}

gboolean naming_proxy_is_server(struct naming_proxy *proxy, const char *address)
{
    return server_list_has_address(proxy->transport->servers, address);
}

char *naming_proxy_own_ip(struct naming_proxy *proxy)
{
    const struct server_list *servers = proxy->transport->servers;
    g_autofree guint8 *seen = g_new0(guint8, server_list_count(servers));
    char *own = NULL;
    int index;
    while (own == NULL && (index = server_list_next(servers, seen)) >= 0) {
        seen[index] = TRUE;
        own = naming_transport_own_ip(proxy->transport, server_list_address(servers, (guint)index));
    }
    return own;
}

guint naming_proxy_servers(struct naming_proxy *proxy, struct naming_server_state *states,
                           guint room)
{
    return server_list_states(proxy->transport->servers, states, room);
}

guint naming_proxy_call_metrics(struct naming_proxy *proxy, struct naming_call_metrics *rows,
                                guint room)
{
    return call_metrics_rows(proxy->transport->metrics, rows, room);
}

guint64 naming_proxy_hosts_dropped(const struct naming_proxy *proxy)
{
    return proxy->transport->hosts_dropped;
}

guint naming_proxy_in_flight(struct naming_proxy *proxy)
{
    return g_queue_get_length(&proxy->calls);
}
