/* SPDX-License-Identifier: MIT */
#include "naming/naming.h"

#include <arpa/inet.h>
#include <string.h>

#define DEFAULT_PORT 8848        /* NamingProxy.DEFAULT_SERVER_PORT of the Java client */
#define DEFAULT_CONTEXT "/nacos" /* ParamUtil.DEFAULT_CONTEXT_PATH */
#define DEFAULT_PORT_HTTPS 443

static gboolean refuse(char **why, const char *entry, const char *reason)
{
    if (why != NULL && *why == NULL)
        *why = g_strdup_printf("%s: %s", entry, reason);
    return FALSE;
}

static gboolean is_ipv6(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET6, host, &address) == 1;
}

static gboolean is_host(const char *host)
{
    if (host == NULL || *host == '\0')
        return FALSE;
    return is_ipv6(host) || host[strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "abcdefghijklmnopqrstuvwxyz0123456789.-_")] == '\0';
}

/* The context path without the slash at its end; none, or a bare slash, is the default one. */
static char *context_of(const char *path)
{
    gsize length = path != NULL ? strlen(path) : 0;
    while (length > 0 && path[length - 1] == '/')
        length--;
    return length > 0 ? g_strndup(path, length) : g_strdup(DEFAULT_CONTEXT);
}

static char *url_of(GUri *parsed)
{
    g_autofree char *context = context_of(g_uri_get_path(parsed));
    const char *host = g_uri_get_host(parsed);
    gboolean https = strcmp(g_uri_get_scheme(parsed), "https") == 0;
    int port = g_uri_get_port(parsed);
    if (port == -1)
        port = https ? DEFAULT_PORT_HTTPS : DEFAULT_PORT;
    gboolean brackets = strchr(host, ':') != NULL;
    return g_strdup_printf("%s://%s%s%s:%d%s", https ? "https" : "http", brackets ? "[" : "", host,
                           brackets ? "]" : "", port, context);
}

static gboolean check(GUri *parsed, const char *entry, char **why)
{
    const char *scheme = g_uri_get_scheme(parsed);
    if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        return refuse(why, entry, "only http and https are spoken");
    if (!is_host(g_uri_get_host(parsed)))
        return refuse(why, entry, "no host name or address");
    if (g_uri_get_port(parsed) == 0)
        return refuse(why, entry, "port 0");
    if (g_uri_get_userinfo(parsed) != NULL)
        return refuse(why, entry, "a URL with a user in it; credentials have a file of their own");
    if (g_uri_get_query(parsed) != NULL || g_uri_get_fragment(parsed) != NULL)
        return refuse(why, entry, "a URL with ? or #");
    return TRUE;
}

/* HOST[:PORT] as a URL of which only the scheme was left out. */
static char *complete(const char *entry, char **why)
{
    if (strstr(entry, "://") != NULL)
        return g_strdup(entry);
    if (is_ipv6(entry))
        return g_strdup_printf("http://[%s]", entry);
    if (strpbrk(entry, "/?#@") != NULL) {
        refuse(why, entry, "neither HOST[:PORT] nor http://HOST[:PORT]/PATH");
        return NULL;
    }
    return g_strconcat("http://", entry, NULL);
}

/* A blank or a line break in a request line would start another parameter or header. */
static gboolean is_printable(const char *entry)
{
    for (; *entry != '\0'; entry++)
        if (!g_ascii_isgraph(*entry))
            return FALSE;
    return TRUE;
}

static char *server_parse(const char *entry, char **why)
{
    if (*entry == '\0') {
        refuse(why, "server list", "an empty entry");
        return NULL;
    }
    if (!is_printable(entry)) {
        refuse(why, entry, "blanks or bytes that want percent-encoding");
        return NULL;
    }
    g_autofree char *url = complete(entry, why);
    if (url == NULL)
        return NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GUri) parsed = g_uri_parse(url, G_URI_FLAGS_ENCODED, &error);
    if (parsed == NULL) {
        refuse(why, entry, error->message);
        return NULL;
    }
    return check(parsed, entry, why) ? url_of(parsed) : NULL;
}

char **naming_parse_source(const char *source, char **why)
{
    if (why != NULL)
        *why = NULL;
    g_autoptr(GPtrArray) urls = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) entries = g_strsplit(source, ",", -1);
    if (entries[0] == NULL) {
        refuse(why, "server list", "it is empty");
        return NULL;
    }
    for (guint i = 0; entries[i] != NULL; i++) {
        g_autofree char *url = server_parse(g_strstrip(entries[i]), why);
        if (url == NULL)
            return NULL;
        if (!g_ptr_array_find_with_equal_func(urls, url, g_str_equal, NULL))
            g_ptr_array_add(urls, g_steal_pointer(&url));
    }
    g_ptr_array_add(urls, NULL);
    return (char **)g_ptr_array_steal(urls, NULL);
}
