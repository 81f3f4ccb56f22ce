/* SPDX-License-Identifier: MIT */
#include "naming/trouble.h"

void trouble_report(const struct trouble *trouble, const struct service_key *key,
                    const struct naming_result *result)
{
    g_autofree char *path =
        key == NULL ? g_strdup("") : g_strjoin("/", key->group, key->name, NULL);

    if (trouble->fn != NULL)
        trouble->fn(path, result, trouble->user_data);
}
