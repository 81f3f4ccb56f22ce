/* SPDX-License-Identifier: MIT */
#include "naming/registry/namespaces.h"

#include "naming/registry/names.h"

#include <string.h>

struct namespaces {
    GHashTable *names; /* id -> name, both owned */
};

struct namespaces *namespaces_new(void)
{
    struct namespaces *namespaces = g_new0(struct namespaces, 1);
    namespaces->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return namespaces;
}

void namespaces_free(struct namespaces *namespaces)
{
    if (!namespaces)
        return;
    g_hash_table_unref(namespaces->names);
    g_free(namespaces);
}

gboolean namespaces_create(struct namespaces *namespaces, const char *id, const char *name)
{
    if (g_str_equal(id, NAMES_DEFAULT_NAMESPACE) || g_hash_table_contains(namespaces->names, id))
        return FALSE;
    return namespaces_rename(namespaces, id, name);
}

gboolean namespaces_rename(struct namespaces *namespaces, const char *id, const char *name)
{
    gboolean known = g_hash_table_contains(namespaces->names, id);
    if (!names_check_namespace(id, NULL) || strlen(name) > NAMESPACES_MAX_NAME ||
        (!known && g_hash_table_size(namespaces->names) >= NAMESPACES_MAX))
        return FALSE;
    g_hash_table_replace(namespaces->names, g_strdup(id), g_strdup(name));
    return TRUE;
}

void namespaces_remove(struct namespaces *namespaces, const char *id)
{
    g_hash_table_remove(namespaces->names, id);
}

const char *namespaces_name(const struct namespaces *namespaces, const char *id)
{
    const char *name = g_hash_table_lookup(namespaces->names, id);
    return name ? name : id;
}

GList *namespaces_ids(const struct namespaces *namespaces)
{
    return g_hash_table_get_keys(namespaces->names);
}
