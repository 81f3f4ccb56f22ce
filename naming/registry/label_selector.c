/* SPDX-License-Identifier: MIT */
#include "naming/registry/label_selector.h"

#include "naming/registry/json_in.h"
#include "naming/registry/json_out.h"

#include <string.h>

/* The expression without blanks and quotes; new string. */
static char *compact(const char *expression)
{
    GString *out = g_string_new(NULL);
    for (; *expression; expression++)
        if (!g_ascii_isspace(*expression) && *expression != '\'')
            g_string_append_c(out, *expression);
    return g_string_free(out, FALSE);
}

static void read_expression(const char *expression, struct label_selector *selector)
{
    g_autofree char *term = compact(expression);
    char *value = strchr(term, '=');
    gboolean of_instances = g_str_has_prefix(term, "INSTANCE.");
    if (!value || (!of_instances && !g_str_has_prefix(term, "SERVICE.")))
        return;
    *value++ = '\0';
    selector->of_instances = of_instances;
    selector->member = g_string_new(NULL);
    json_out_string(selector->member, strrchr(term, '.') + 1, -1);
    g_string_append_c(selector->member, ':');
    json_out_string(selector->member, value, -1);
}

gboolean label_selector_parse(const char *text, struct label_selector *selector, GError **error)
{
    *selector = (struct label_selector){0};
    g_autoptr(json_object) object = text ? json_in_parse(text, strlen(text)) : NULL;
    const char *type =
        json_object_is_type(object, json_type_object) ? json_in_string(object, "type", NULL) : NULL;
    if (text && g_strcmp0(type, "label") != 0 && g_strcmp0(type, "none") != 0) {
        g_set_error_literal(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT,
                            "Param 'selector' is illegal, its type is label or none");
        return FALSE;
    }
    if (g_strcmp0(type, "label") == 0)
        read_expression(json_in_string(object, "expression", ""), selector);
    return TRUE;
}

/* Metadata is text that json_out.c wrote, in which a quote that belongs to a string has a backslash
 * before it: what looks like this member is this member. */
static gboolean has_member(const struct label_selector *selector, const struct metadata *metadata)
{
    return strstr(metadata->json, selector->member->str) != NULL;
}

gboolean label_selector_takes(const struct label_selector *selector,
                              const struct store_service *service)
{
    if (!selector->member)
        return TRUE;
    if (!selector->of_instances)
        return has_member(selector, &service->metadata);
    for (GTreeNode *node = g_tree_node_first(service->instances); node;
         node = g_tree_node_next(node)) {
        const struct store_instance *instance = g_tree_node_value(node);
        if (has_member(selector, &instance->metadata))
            return TRUE;
    }
    return FALSE;
}

void label_selector_clear(struct label_selector *selector)
{
    if (selector->member)
        g_string_free(selector->member, TRUE);
    selector->member = NULL;
}
