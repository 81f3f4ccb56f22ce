/* SPDX-License-Identifier: MIT */
#include "naming/naming_config.h"

const char *naming_config_refuses(const struct naming_config *config)
{
    if (config->servers == NULL || config->servers[0] == NULL)
        return "no server";
    for (guint i = 0; config->servers[i] != NULL; i++)
        if (!g_str_has_prefix(config->servers[i], "http://") &&
            !g_str_has_prefix(config->servers[i], "https://"))
            return "a server's URL is neither http nor https";
    if (config->namespace_id == NULL || config->namespace_id[0] == '\0')
        return "no namespace";
    if (config->clusters == NULL)
        return "no clusters";
    if (config->timeout_ms == 0 || config->connect_timeout_ms == 0)
        return "a time-out of 0";
    if (config->max_response == 0)
        return "no room for a reply";
    return NULL;
}
