/* SPDX-License-Identifier: MIT */
#include "naming/registry/names.h"

#include "naming/registry/errors.h"

#include <string.h>

#define LETTERS_AND_DIGITS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static gboolean refuse(GError **error, const char *text, const char *value)
{
    g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT, "%s%.600s", text, value);
    return FALSE;
}

static gboolean made_of(const char *name, const char *characters)
{
    return name[strspn(name, characters)] == '\0';
}

/* NamingUtils.checkServiceNameFormat; a second separator is refused as in 2.x. */
static gboolean check_form(const char *grouped, GError **error)
{
    const char *service = strstr(grouped, NAMES_SEPARATOR);
    if (!service || service == grouped || !service[2] || strstr(service + 2, NAMES_SEPARATOR))
        return refuse(error,
                      "Param 'serviceName' is illegal, it should be format as "
                      "'groupName@@serviceName'",
                      "");
    if (service - grouped > NAMES_MAX_GROUP)
        return refuse(error, "Param 'groupName' is illegal, the length should not exceed 128", "");
    if (strlen(service + 2) > NAMES_MAX_SERVICE)
        return refuse(error, "Param 'serviceName' is illegal, the length should not exceed 512",
                      "");
    return TRUE;
}

char *names_grouped(const char *service, const char *group, GError **error)
{
    g_autofree char *grouped =
        strstr(service, NAMES_SEPARATOR)
            ? g_strdup(service)
            : g_strconcat(group ? group : NAMES_DEFAULT_GROUP, NAMES_SEPARATOR, service, NULL);
    return check_form(grouped, error) ? g_steal_pointer(&grouped) : NULL;
}

const char *names_service(const char *grouped)
{
    const char *separator = strstr(grouped, NAMES_SEPARATOR);
    return separator ? separator + strlen(NAMES_SEPARATOR) : grouped;
}

char *names_group(const char *grouped)
{
    const char *separator = strstr(grouped, NAMES_SEPARATOR);
    return g_strndup(grouped, separator ? separator - grouped : 0);
}

gboolean names_check_service(const char *grouped, GError **error)
{
    return made_of(grouped, LETTERS_AND_DIGITS "@.:_-") ||
           refuse(error,
                  "dom name can only have these characters: 0-9a-zA-Z-._:, current: ", grouped);
}

gboolean names_check_cluster(const char *cluster, GError **error)
{
    if (strlen(cluster) > NAMES_MAX_CLUSTER)
        return refuse(error, "Param 'clusterName' is illegal, the length should not exceed 64", "");
    return (*cluster && made_of(cluster, LETTERS_AND_DIGITS "-")) ||
           refuse(error,
                  "cluster name can only have these characters: 0-9a-zA-Z-, current: ", cluster);
}

gboolean names_check_namespace(const char *namespace_id, GError **error)
{
    return (strlen(namespace_id) <= NAMES_MAX_NAMESPACE &&
            made_of(namespace_id, LETTERS_AND_DIGITS "_-")) ||
           refuse(error,
                  "Param 'namespaceId' is illegal, it should be up to 64 of 0-9a-zA-Z-_, "
                  "current: ",
                  namespace_id);
}

gboolean names_check_ip(const char *ip, GError **error)
{
    const char *at = ip;
    while (*at > ' ' && *at < 0x7f)
        at++;
    return (*ip && !*at && at - ip <= NAMES_MAX_IP) ||
           refuse(error, "Param 'ip' is illegal, current: ", ip);
}

gboolean names_check_port(gint port, GError **error)
{
    if (port >= 0 && port <= NAMES_MAX_PORT)
        return TRUE;
    return refuse(error, "Param 'port' is illegal, the value should be between 0 and 65535", "");
}
