/* SPDX-License-Identifier: MIT */
#include "mountopts/cache_dir.h"

#include <string.h>
#include <unistd.h>

#define NAME_MAX_BYTES 255
#define SHORT_BYTES 200 /* of a name too long for a directory; its checksum follows */

static char *directory_name(const char *text)
{
    g_autofree char *name = g_uri_escape_string(text, NULL, FALSE);
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    if (strlen(name) > NAME_MAX_BYTES)
        return g_strdup_printf("%.*s~%.16s", SHORT_BYTES, name, sum);
    /* "." and ".." are the only names that no escape was needed for and that lead elsewhere */
    return *name == '.' ? g_strconcat("%2E", name + 1, NULL) : g_steal_pointer(&name);
}

char *cache_dir_default(const struct mount_options *options)
{
    gboolean standalone = strcmp(options->source, "standalone") == 0;
    g_autofree char *source =
        standalone ? g_strconcat("standalone ", options->listen, NULL) : g_strdup(options->source);
    g_autofree char *source_name = directory_name(source);
    g_autofree char *namespace_name = directory_name(options->namespace_id);
    const char *base = geteuid() == 0 ? "/var/cache" : g_get_user_cache_dir();
    return g_build_filename(base, "nacosfs", source_name, namespace_name, NULL);
}
