/* SPDX-License-Identifier: MIT */
#include "mountopts/option_kind.h"

#include "mountopts/mountopts.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/types.h>

G_STATIC_ASSERT(sizeof(uid_t) == sizeof(guint) && sizeof(gid_t) == sizeof(guint));

static char **show_one(char *value)
{
    char **values = g_new0(char *, 2);
    values[0] = value;
    return values;
}

static gboolean refuse(char **why, const char *reason)
{
    *why = g_strdup(reason);
    return FALSE;
}

/* --- strings ---------------------------------------------------------------------------------- */

static gboolean replace(void *field, const char *value)
{
    char **string = field;
    g_free(*string);
    *string = g_strdup(value);
    return TRUE;
}

static char **show_string(const void *field)
{
    const char *value = *(char *const *)field;
    return show_one(g_strdup(value != NULL ? value : ""));
}

/* Values go into requests: nothing that could end a line there. */
static gboolean is_text(const char *value, char **why)
{
    if (*value == '\0')
        return refuse(why, "must not be empty");
    if (!g_utf8_validate(value, -1, NULL))
        return refuse(why, "is not valid UTF-8");
    for (; *value != '\0'; value++) {
        if (g_ascii_iscntrl(*value))
            return refuse(why, "has a control byte");
    }
    return TRUE;
}

static gboolean set_text(const struct option_row *row, void *field, const char *value, char **why)
{
    return is_text(value, why) && replace(field, value);
}

const struct option_kind option_text = {set_text, show_string};

/* The daemon stands in the root directory. */
static gboolean set_file(const struct option_row *row, void *field, const char *value, char **why)
{
    if (!is_text(value, why))
        return FALSE;
    g_autofree char *absolute = g_canonicalize_filename(value, g_getenv(MOUNT_OPTIONS_DIRECTORY));
    return replace(field, absolute);
}

const struct option_kind option_file = {set_file, show_string};

static gboolean set_list(const struct option_row *row, void *field, const char *value, char **why)
{
    char ***list = field;
    if (!is_text(value, why))
        return FALSE;
    if (strstr(value, "@@") != NULL)
        return refuse(why, "a group's name has no @@");
    guint n = *list != NULL ? g_strv_length(*list) : 0;
    *list = g_renew(char *, *list, n + 2);
    (*list)[n] = g_strdup(value);
    (*list)[n + 1] = NULL;
    return TRUE;
}

static char **show_list(const void *field)
{
    char **list = *(char **const *)field;
    return list != NULL && *list != NULL ? g_strdupv(list) : show_one(g_strdup(""));
}

const struct option_kind option_list = {set_list, show_list};

static gboolean set_cache_dir(const struct option_row *row, void *field, const char *value,
                              char **why)
{
    if (strcmp(value, "none") == 0)
        return replace(field, value);
    return set_file(row, field, value, why);
}

const struct option_kind option_cache_dir = {set_cache_dir, show_string};

static gboolean set_ip(const struct option_row *row, void *field, const char *value, char **why)
{
    struct in6_addr address; /* large enough for both */
    char spelling[INET6_ADDRSTRLEN];
    int family = strchr(value, ':') != NULL ? AF_INET6 : AF_INET;
    if (inet_pton(family, value, &address) != 1)
        return refuse(why, "must be an IPv4 or IPv6 address");
    return replace(field, inet_ntop(family, &address, spelling, sizeof(spelling)));
}

const struct option_kind option_ip = {set_ip, show_string};

static gboolean set_clusters(const struct option_row *row, void *field, const char *value,
                             char **why)
{
    g_auto(GStrv) names = g_strsplit(value, ",", -1);
    for (char **name = names; *name != NULL; name++) {
        const char *c = *name;
        while (g_ascii_isalnum(*c) || *c == '-')
            c++;
        if (c == *name || *c != '\0')
            return refuse(why, "must be names of letters, digits and '-', separated by commas");
    }
    return replace(field, value);
}

const struct option_kind option_clusters = {set_clusters, show_string};

static gboolean set_listen(const struct option_row *row, void *field, const char *value, char **why)
{
    struct in6_addr address;
    guint64 port;
    const char *colon = strrchr(value, ':');
    if (colon == NULL || !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &port, NULL))
        return refuse(why, "must be ADDR:PORT, with a port from 0 to 65535");
    g_autofree char *host = g_strndup(value, (gsize)(colon - value));
    gsize length = strlen(host);
    int family = AF_INET;
    char *ip = host;
    if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
        family = AF_INET6;
        host[length - 1] = '\0';
        ip = host + 1;
    }
    if (inet_pton(family, ip, &address) != 1)
        return refuse(why, "must be IPv4:PORT or [IPv6]:PORT");
    return replace(field, value);
}

const struct option_kind option_listen = {set_listen, show_string};

static gboolean set_log_level(const struct option_row *row, void *field, const char *value,
                              char **why)
{
    static const char *const levels[] = {"error", "warning", "info", "debug", NULL};
    if (!g_strv_contains(levels, value))
        return refuse(why, "must be error, warning, info or debug");
    return replace(field, value);
}

const struct option_kind option_log_level = {set_log_level, show_string};

/* --- switches --------------------------------------------------------------------------------- */

static gboolean set_push(const struct option_row *row, void *field, const char *value, char **why)
{
    if (strcmp(value, "udp") != 0 && strcmp(value, "off") != 0)
        return refuse(why, "must be udp or off");
    *(gboolean *)field = strcmp(value, "udp") == 0;
    return TRUE;
}

static char **show_push(const void *field)
{
    return show_one(g_strdup(*(const gboolean *)field ? "udp" : "off"));
}

const struct option_kind option_push = {set_push, show_push};

static gboolean set_flag(const struct option_row *row, void *field, const char *value, char **why)
{
    *(gboolean *)field = strcmp(value, "true") == 0;
    return TRUE;
}

static char **show_flag(const void *field)
{
    return show_one(g_strdup(*(const gboolean *)field ? "true" : "false"));
}

const struct option_kind option_flag = {set_flag, show_flag};

/* --- numbers ---------------------------------------------------------------------------------- */

static gboolean set_number(const struct option_row *row, void *field, const char *value, char **why)
{
    guint64 number;
    if (!g_ascii_string_to_unsigned(value, 10, row->min, row->max, &number, NULL)) {
        *why = g_strdup_printf("must be a number from %u to %u", row->min, row->max);
        return FALSE;
    }
    *(guint *)field = (guint)number;
    return TRUE;
}

static char **show_number(const void *field)
{
    return show_one(g_strdup_printf("%u", *(const guint *)field));
}

const struct option_kind option_number = {set_number, show_number};
const struct option_kind option_id = {set_number, show_number};

static gboolean set_octal(const struct option_row *row, void *field, const char *value, char **why)
{
    guint64 number;
    if (!g_ascii_string_to_unsigned(value, 8, row->min, row->max, &number, NULL)) {
        *why = g_strdup_printf("must be an octal number up to %o", row->max);
        return FALSE;
    }
    *(mode_t *)field = (mode_t)number;
    return TRUE;
}

static char **show_octal(const void *field)
{
    return show_one(g_strdup_printf("%03o", (guint) * (const mode_t *)field));
}

const struct option_kind option_octal = {set_octal, show_octal};

static gboolean set_size(const struct option_row *row, void *field, const char *value, char **why)
{
    static const char units[] = "KMG";
    guint64 number;
    gsize length = strlen(value);
    const char *unit = length > 0 ? strchr(units, value[length - 1]) : NULL;
    guint shift = unit != NULL ? 10 * (guint)(unit - units + 1) : 0;
    g_autofree char *digits = g_strndup(value, unit != NULL ? length - 1 : length);
    if (!g_ascii_string_to_unsigned(digits, 10, 0, row->max >> shift, &number, NULL) ||
        number << shift < row->min) {
        *why = g_strdup_printf("must be a size from %u to %u bytes (K, M or G may follow)",
                               row->min, row->max);
        return FALSE;
    }
    *(gsize *)field = (gsize)(number << shift);
    return TRUE;
}

static char **show_size(const void *field)
{
    return show_one(g_strdup_printf("%" G_GSIZE_FORMAT, *(const gsize *)field));
}

const struct option_kind option_size = {set_size, show_size};
