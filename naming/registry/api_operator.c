/* SPDX-License-Identifier: MIT */
#include "naming/registry/api.h"
#include "naming/registry/json_out.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <sys/sysinfo.h>

/* Load of the machine: cpu as the load average of one minute per processor (at most 1), load the
 * average itself, mem the part that is in use. */
static void add_machine(GString *out)
{
    struct sysinfo info = {0};
    double load = 0;
    gboolean known = getloadavg(&load, 1) == 1 && sysinfo(&info) == 0 && info.totalram;
    double used = known ? 1 - (double)(info.freeram + info.bufferram) / info.totalram : 0;
    json_out_member_double(out, "cpu", MIN(load / g_get_num_processors(), 1));
    json_out_member_double(out, "load", load);
    json_out_member_double(out, "mem", used);
}

gboolean api_metrics(const struct api_call *call, GString *out, GError **error)
{
    const struct store *store = call->registry->store;
    g_string_append_c(out, '{');
    json_out_member(out, "status", "UP");
    json_out_member_int(out, "serviceCount", store->service_count);
    json_out_member_int(out, "instanceCount", store->instance_count);
    json_out_member_int(out, "raftNotifyTaskCount", 0);
    json_out_member_int(out, "responsibleServiceCount", store->service_count);
    json_out_member_int(out, "responsibleInstanceCount", store->instance_count);
    add_machine(out);
    g_string_append_c(out, '}');
    return TRUE;
}

gboolean api_switches(const struct api_call *call, GString *out, GError **error)
{
    switches_json(out, &call->registry->switches);
    return TRUE;
}

gboolean api_set_switch(const struct api_call *call, GString *out, GError **error)
{
    const char *entry = params_required(call->params, "entry", error);
    const char *value = entry ? params_required(call->params, "value", error) : NULL;
    if (!value || !registry_switch(call->registry, entry, value, error))
        return FALSE;
    g_string_append(out, "ok");
    return TRUE;
}

/* This server as the only member of a cluster. Its address is the one that the asking connection
 * reached. */
static void add_member(const struct api_call *call, GString *out)
{
    struct sockaddr_storage local;
    socklen_t length = sizeof(local);
    g_autofree char *address = NULL;
    g_autofree char *ip = NULL;
    if (getsockname(call->socket, (struct sockaddr *)&local, &length) < 0)
        return;
    g_autoptr(GSocketAddress) native = g_socket_address_new_from_native(&local, length);
    GInetSocketAddress *inet = G_INET_SOCKET_ADDRESS(native);
    ip = g_inet_address_to_string(g_inet_socket_address_get_address(inet));
    address = g_socket_connectable_to_string(G_SOCKET_CONNECTABLE(native));
    g_string_append_c(out, '{');
    json_out_member(out, "ip", ip);
    json_out_member_int(out, "port", g_inet_socket_address_get_port(inet));
    json_out_member(out, "state", "UP");
    json_out_member_raw(out, "extendInfo", "{\"version\":\"" API_NACOS_VERSION "\"}");
    json_out_member(out, "address", address);
    json_out_member_int(out, "failAccessCnt", 0);
    g_string_append_c(out, '}');
}

gboolean api_servers(const struct api_call *call, GString *out, GError **error)
{
    g_string_append(out, "{\"servers\":[");
    add_member(call, out);
    g_string_append(out, "]}");
    return TRUE;
}

gboolean api_cluster_nodes(const struct api_call *call, GString *out, GError **error)
{
    g_string_append(out, "{\"code\":200,\"message\":null,\"data\":[");
    add_member(call, out);
    g_string_append(out, "]}");
    return TRUE;
}
