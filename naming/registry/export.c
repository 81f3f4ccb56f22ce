/* SPDX-License-Identifier: MIT */
#include "naming/registry/export.h"

#include "naming/registry/names.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>

static const char head[] =
    "set -eu\n"
    ": \"${NACOS:?the URL to send to, as http://127.0.0.1:8848/nacos}\"\n"
    "call() { # METHOD PATH NAME=VALUE...; TOKEN: an accessToken, if one is needed\n"
    "    local method=$1 path=$2 pair\n"
    "    local -a query=()\n"
    "    shift 2\n"
    "    for pair; do query+=(--data-urlencode \"$pair\"); done\n"
    "    [ -z \"${TOKEN-}\" ] || query+=(--data-urlencode \"accessToken=$TOKEN\")\n"
    "    curl -fsS -G -X \"$method\" \"$NACOS/v1/ns/$path\" \"${query[@]}\" >/dev/null ||\n"
    "        { echo \"refused: $method $path $*\" >&2; failed=1; }\n"
    "}\n"
    "failed=0\n";

static void add_call(GString *out, const char *method, const char *path)
{
    g_string_append_printf(out, "call %s %s", method, path);
}

static void add_text(GString *out, const char *name, const char *value)
{
    g_autofree char *pair = g_strconcat(name, "=", value, NULL);
    g_autofree char *quoted = g_shell_quote(pair);
    g_string_append_printf(out, " %s", quoted);
}

static void add_int(GString *out, const char *name, gint value)
{
    g_string_append_printf(out, " %s=%d", name, value);
}

static void add_bool(GString *out, const char *name, gboolean value)
{
    g_string_append_printf(out, " %s=%s", name, value ? "true" : "false");
}

static void add_double(GString *out, const char *name, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append_printf(out, " %s=%s", name, g_ascii_dtostr(text, sizeof(text), value));
}

static void add_service_name(GString *out, const struct store_service *service)
{
    add_text(out, "namespaceId", service->name_space->id);
    add_text(out, "serviceName", service->name);
}

/* The group has to be said, too, where the name is not split. */
static void add_service_call(GString *out, const char *method, const struct store_service *service)
{
    g_autofree char *group = names_group(service->name);
    add_call(out, method, "service");
    add_text(out, "namespaceId", service->name_space->id);
    add_text(out, "serviceName", names_service(service->name));
    add_text(out, "groupName", group);
    add_double(out, "protectThreshold", service->protect_threshold);
    add_text(out, "metadata", service->metadata.json);
    g_string_append_c(out, '\n');
}

static gboolean add_instance(gpointer key, gpointer value, gpointer data)
{
    const struct store_instance *instance = value;
    GString *out = data;
    add_call(out, "POST", "instance");
    add_service_name(out, instance->service);
    add_text(out, "ip", instance->ip);
    add_int(out, "port", instance->port);
    add_text(out, "clusterName", instance->cluster);
    add_double(out, "weight", instance->weight);
    add_bool(out, "enabled", instance->enabled);
    add_bool(out, "healthy", instance->healthy);
    add_bool(out, "ephemeral", instance->ephemeral);
    add_text(out, "metadata", instance->metadata.json);
    g_string_append_c(out, '\n');
    return FALSE;
}

static void add_cluster(GString *out, const struct store_service *service,
                        const struct store_cluster *cluster)
{
    g_autoptr(GString) checker = g_string_new(NULL);
    checker_write(checker, &cluster->checker, TRUE);
    add_call(out, "PUT", "cluster");
    add_service_name(out, service);
    add_text(out, "clusterName", cluster->name);
    add_int(out, "checkPort", cluster->check_port);
    add_bool(out, "useInstancePort4Check", cluster->use_instance_port);
    add_text(out, "healthChecker", checker->str);
    add_text(out, "metadata", cluster->metadata.json);
    g_string_append_c(out, '\n');
}

static gboolean add_service(gpointer key, gpointer value, gpointer data)
{
    const struct store_service *service = value;
    gboolean empty = g_tree_nnodes(service->instances) == 0;
    GString *out = data;
    g_tree_foreach(service->instances, add_instance, out);
    if (service->created)
        add_service_call(out, empty ? "POST" : "PUT", service);
    for (GTreeNode *node = service->clusters ? g_tree_node_first(service->clusters) : NULL; node;
         node = g_tree_node_next(node))
        add_cluster(out, service, g_tree_node_value(node));
    return FALSE;
}

char *export_script(const struct store *store, const char *name)
{
    GString *out = g_string_new("#!/usr/bin/env bash\n");
    g_autoptr(GList) ids = g_hash_table_get_keys(store->namespaces);
    ids = g_list_sort(ids, (GCompareFunc)g_strcmp0);
    g_string_append_printf(out,
                           "# What the nacos-registry at %s has, for a Nacos to have, too:\n"
                           "#   NACOS=http://HOST:8848/nacos bash " EXPORT_FILE_NAME "\n"
                           "# Ephemeral instances live on only if their clients beat there.\n",
                           name);
    g_string_append(out, head);
    for (GList *at = ids; at; at = at->next)
        g_tree_foreach(store_namespace(store, at->data)->services, add_service, out);
    g_string_append(out, "exit \"$failed\"\n");
    return g_string_free(out, FALSE);
}

char *export_write(const struct store *store, const char *name, const char *directory,
                   GError **error)
{
    g_autofree char *path = g_build_filename(directory, EXPORT_FILE_NAME, NULL);
    g_autofree char *script = export_script(store, name);
    if (g_mkdir_with_parents(directory, 0700) < 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno), "%s: %s", directory,
                    g_strerror(errno));
        return NULL;
    }
    if (!g_file_set_contents_full(path, script, -1,
                                  G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                  0600, error))
        return NULL;
    return g_steal_pointer(&path);
}
