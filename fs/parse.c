/* SPDX-License-Identifier: MIT */
#include "fs/parse.h"

#include "fs/address.h"
#include "fs/escape.h"

#include <string.h>

#define BLANKS " \t"
#define QUOTED 64 /* bytes of a bad field that a reason repeats */

/* One line being parsed. */
struct parser {
    struct instance *instance; /* where attributes go */
    gboolean merging;      /* content of hosts/ADDRESS: "-meta.KEY" is known, cluster= is fixed */
    guint seen;            /* bit i: attributes[i] was there */
    GHashTable *seen_meta; /* set of metadata keys that were there, owned strings */
    GTree *metadata; /* key -> value, owned strings; becomes that of the instance at the end */
    char **why;
};

static gboolean parser_refuse(const struct parser *parser, const char *reason, const char *field)
{
    *parser->why = g_strdup_printf("%s: %.*s", reason, QUOTED, field);
    return FALSE;
}

static gboolean set_bool(gboolean *member, const char *value)
{
    *member = strcmp(value, "true") == 0;
    return *member || strcmp(value, "false") == 0;
}

/* Digits and at most one point: strtod alone would take signs, blanks, exponents, hex, inf and nan.
 */
static gboolean set_weight(struct instance *instance, const char *value)
{
    char *end;
    if (value[strspn(value, "0123456789.")] != '\0')
        return FALSE;
    double weight = g_ascii_strtod(value, &end);
    if (end == value || *end != '\0' || weight > INSTANCE_MAX_WEIGHT)
        return FALSE;
    instance->weight = weight;
    return TRUE;
}

static gboolean set_healthy(struct instance *instance, const char *value)
{
    return set_bool(&instance->healthy, value);
}

static gboolean set_enabled(struct instance *instance, const char *value)
{
    return set_bool(&instance->enabled, value);
}

static gboolean set_ephemeral(struct instance *instance, const char *value)
{
    return set_bool(&instance->ephemeral, value);
}

static gboolean set_cluster(struct instance *instance, const char *value)
{
    if (!address_is_cluster_name(value))
        return FALSE;
    g_free(instance->cluster_name);
    instance->cluster_name = g_strdup(value);
    return TRUE;
}

static const struct attribute {
    const char *name;
    gboolean (*set)(struct instance *instance, const char *value);
    const char *refusal;
} attributes[] = {
    {"weight", set_weight, "weight is not a decimal number from 0 to 10000"},
    {"healthy", set_healthy, "healthy is neither true nor false"},
    {"enabled", set_enabled, "enabled is neither true nor false"},
    {"ephemeral", set_ephemeral, "ephemeral is neither true nor false"},
    {"cluster", set_cluster, "cluster is not [0-9a-zA-Z-]+"},
};
#define CLUSTER (G_N_ELEMENTS(attributes) - 1)

static gboolean parse_attribute(struct parser *parser, const char *key, const char *value)
{
    guint i = 0;
    while (i < G_N_ELEMENTS(attributes) && strcmp(attributes[i].name, key) != 0)
        i++;
    if (i == G_N_ELEMENTS(attributes))
        return parser_refuse(parser, "unknown attribute", key);
    if (parser->seen & 1U << i)
        return parser_refuse(parser, "repeated attribute", key);
    parser->seen |= 1U << i;
    if (parser->merging && i == CLUSTER && strcmp(value, parser->instance->cluster_name) != 0)
        return parser_refuse(parser, "cluster is not that of the file's name", value);
    if (!attributes[i].set(parser->instance, value))
        return parser_refuse(parser, attributes[i].refusal, value);
    return TRUE;
}

/* `escaped`: KEY of meta.KEY; `value` NULL removes it. */
static gboolean parse_metadata(struct parser *parser, const char *escaped, const char *value)
{
    g_autofree char *key = escape_undo(escaped, strlen(escaped));
    if (key == NULL)
        return parser_refuse(parser, "bad octal escape or UTF-8 in a metadata key", escaped);
    if (*key == '\0')
        return parser_refuse(parser, "empty metadata key", "meta.");
    if (g_hash_table_contains(parser->seen_meta, key))
        return parser_refuse(parser, "repeated metadata key", escaped);
    if (value != NULL)
        g_tree_replace(parser->metadata, g_strdup(key), g_strdup(value));
    else
        g_tree_remove(parser->metadata, key);
    g_hash_table_add(parser->seen_meta, g_steal_pointer(&key));
    return TRUE;
}

static gboolean parse_field(struct parser *parser, char *field)
{
    char *equals = strchr(field, '=');
    if (equals == NULL) {
        if (parser->merging && g_str_has_prefix(field, "-meta."))
            return parse_metadata(parser, field + strlen("-meta."), NULL);
        return parser_refuse(parser, "not an attribute (KEY=VALUE)", field);
    }
    *equals = '\0';
    g_autofree char *value = escape_undo(equals + 1, strlen(equals + 1));
    if (value == NULL)
        return parser_refuse(parser, "bad octal escape or UTF-8 in the value of", field);
    if (g_str_has_prefix(field, "meta."))
        return parse_metadata(parser, field + strlen("meta."), value);
    return parse_attribute(parser, field, value);
}

/* Cuts the next field off *rest; NULL at the end. */
static char *next_field(char **rest)
{
    char *field = *rest + strspn(*rest, BLANKS);
    char *end = field + strcspn(field, BLANKS);
    *rest = *end != '\0' ? end + 1 : end;
    *end = '\0';
    return *field != '\0' ? field : NULL;
}

static int compare_keys(gconstpointer a, gconstpointer b, gpointer unused)
{
    return strcmp(a, b);
}

static gboolean append_pair(gpointer key, gpointer value, gpointer array)
{
    g_ptr_array_add(array, g_strdup(key));
    g_ptr_array_add(array, g_strdup(value));
    return FALSE;
}

/* A line has room for thousands of keys: one by one into the sorted array would be quadratic. */
static void begin_metadata(struct parser *parser)
{
    parser->seen_meta = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    parser->metadata = g_tree_new_full(compare_keys, NULL, g_free, g_free);
    for (char **pair = parser->instance->metadata; pair != NULL && pair[0] != NULL; pair += 2)
        g_tree_replace(parser->metadata, g_strdup(pair[0]), g_strdup(pair[1]));
}

static void end_metadata(struct parser *parser)
{
    g_autoptr(GPtrArray) pairs = g_ptr_array_new();
    g_tree_foreach(parser->metadata, append_pair, pairs);
    g_clear_pointer(&parser->instance->metadata, g_strfreev);
    if (pairs->len > 0) {
        g_ptr_array_add(pairs, NULL);
        parser->instance->metadata = (char **)g_ptr_array_steal(pairs, NULL);
    }
    g_clear_pointer(&parser->metadata, g_tree_unref);
    g_clear_pointer(&parser->seen_meta, g_hash_table_unref);
}

static gboolean parse_fields(struct parser *parser, char *rest)
{
    gboolean ok = TRUE;
    begin_metadata(parser);
    for (char *field = next_field(&rest); ok && field != NULL; field = next_field(&rest))
        ok = parse_field(parser, field);
    end_metadata(parser);
    return ok;
}

/* A string of what is fit to be looked at at all; NULL and a reason otherwise. */
static char *copy_line(const char *line, gsize length, char **why)
{
    if (!g_utf8_validate_len(line, length, NULL)) {
        *why = g_strdup("not valid UTF-8, or a NUL byte");
        return NULL;
    }
    for (gsize i = 0; i < length; i++) {
        if (g_ascii_iscntrl(line[i]) && line[i] != '\t') {
            *why = g_strdup(line[i] == '\r' ? "a carriage return: the line must end in LF alone"
                                            : "a control byte: write it as an octal escape");
            return NULL;
        }
    }
    return g_strndup(line, length);
}

gboolean parse_is_blank(const char *line, gsize length)
{
    if (length > 0 && line[0] == '#')
        return TRUE;
    for (gsize i = 0; i < length; i++) {
        if (line[i] != ' ' && line[i] != '\t')
            return FALSE;
    }
    return TRUE;
}

/* What JSON says is held to what a line can say. */
static gboolean check_decoded(const struct parser *parser)
{
    struct instance *instance = parser->instance;
    g_autofree char *address = g_strdup_printf(
        strchr(instance->ip, ':') != NULL ? "[%s]:%u" : "%s:%u", instance->ip, instance->port);
    g_clear_pointer(&instance->ip, g_free);
    if (!address_parse(address, strlen(address), NULL, &instance->ip, &instance->port, parser->why))
        return FALSE;
    if (!address_is_cluster_name(instance->cluster_name))
        return parser_refuse(parser, attributes[CLUSTER].refusal, instance->cluster_name);
    if (instance_get_metadata(instance, "") != NULL)
        return parser_refuse(parser, "empty metadata key", "metadata");
    return TRUE;
}

static gboolean parse_json(struct parser *parser, const char *line, gsize length)
{
    gboolean has_cluster;
    instance_clear(parser->instance);
    if (!instance_from_json(line, length, parser->instance, &has_cluster, parser->why))
        return FALSE;
    if (has_cluster)
        parser->seen |= 1U << CLUSTER;
    return check_decoded(parser);
}

/* Address and attributes into parser->instance, which instance_init made. */
static gboolean parse_record(struct parser *parser, const char *line, gsize length,
                             const char *own_ip)
{
    struct instance *instance = parser->instance;
    g_autofree char *copy = copy_line(line, length, parser->why);
    if (copy == NULL)
        return FALSE;
    if (copy[strspn(copy, BLANKS)] == '{')
        return parse_json(parser, copy, length);
    char *rest = copy;
    const char *address = next_field(&rest);
    if (address == NULL) {
        *parser->why = g_strdup("no address");
        return FALSE;
    }
    return address_parse(address, strlen(address), own_ip, &instance->ip, &instance->port,
                         parser->why) &&
           parse_fields(parser, rest);
}

gboolean parse_instance(const char *line, gsize length, const char *own_ip, struct instance *to,
                        char **why)
{
    g_auto(instance) parsed;
    instance_init(&parsed);
    struct parser parser = {.instance = &parsed, .why = why};
    if (!parse_record(&parser, line, length, own_ip))
        return FALSE;
    *to = parsed;
    memset(&parsed, 0, sizeof(parsed));
    return TRUE;
}

gboolean parse_target(const char *line, gsize length, const char *own_ip, struct instance *to,
                      gboolean *has_cluster, char **why)
{
    g_auto(instance) parsed;
    instance_init(&parsed);
    struct parser parser = {.instance = &parsed, .why = why};
    if (!parse_record(&parser, line, length, own_ip))
        return FALSE;
    instance_init(to);
    to->ip = g_steal_pointer(&parsed.ip);
    to->port = parsed.port;
    g_free(to->cluster_name);
    to->cluster_name = g_steal_pointer(&parsed.cluster_name);
    *has_cluster = (parser.seen & 1U << CLUSTER) != 0;
    return TRUE;
}

gboolean parse_attributes(const char *line, gsize length, struct instance *to, char **why)
{
    g_autofree char *copy = copy_line(line, length, why);
    if (copy == NULL)
        return FALSE;
    g_auto(instance) merged;
    instance_copy(&merged, to);
    struct parser parser = {.instance = &merged, .merging = TRUE, .why = why};
    if (!parse_fields(&parser, copy))
        return FALSE;
    instance_clear(to);
    *to = merged;
    memset(&merged, 0, sizeof(merged));
    return TRUE;
}
