/* SPDX-License-Identifier: MIT */
#include "naming/codec_json.h"
#include "naming/instance.h"

#include <json-c/json.h>
#include <string.h>

/* What Instance is written with: its fields, its getters, and what 1.x adds in lists. The second
 * line says nothing that a registration keeps. */
static const char *const fields[] = {"ip",
                                     "port",
                                     "weight",
                                     "healthy",
                                     "valid",
                                     "enabled",
                                     "ephemeral",
                                     "clusterName",
                                     "metadata",
                                     "instanceId",
                                     "serviceName",
                                     "instanceHeartBeatInterval",
                                     "instanceHeartBeatTimeOut",
                                     "ipDeleteTimeout",
                                     "instanceIdGenerator",
                                     "marked"};

static gboolean is_field(const char *name)
{
    guint i = 0;
    while (i < G_N_ELEMENTS(fields) && strcmp(fields[i], name) != 0)
        i++;
    return i < G_N_ELEMENTS(fields);
}

static gboolean fields_are_known(json_object *object, char **why)
{
    json_object_object_foreach(object, key, member)
    {
        (void)member;
        if (!is_field(key))
            return codec_refuse(why, "not a field of an Instance: %.64s", key);
    }
    return TRUE;
}

gboolean instance_from_json(const char *text, gsize length, struct instance *to,
                            gboolean *has_cluster, char **why)
{
    g_autoptr(json_object) object = codec_parse_object(text, length, why);
    g_auto(instance) decoded = {0};
    const char *cluster = NULL;
    if (object == NULL || !fields_are_known(object, why))
        return FALSE;
    if (!codec_host(object, &decoded))
        return codec_refuse(why, "ip, port, weight or another field makes no sense");
    codec_get_string(object, "clusterName", &cluster);
    *has_cluster = cluster != NULL && *cluster != '\0';
    *to = decoded;
    memset(&decoded, 0, sizeof(decoded));
    return TRUE;
}
