/* SPDX-License-Identifier: MIT */
#include "fs/failover_file.h"

#include "fs/error.h"

#include <errno.h>
#include <string.h>

#define PATH ".nacos/failover"

GBytes *failover_file_open(struct fs *fs, struct service *service, int *error)
{
    return g_bytes_new_static(naming_failover(fs->naming) ? "1\n" : "0\n", 2);
}

int failover_file_put(struct fs *fs, const char *text, gsize length)
{
    g_autofree char *word = g_strndup(text, length);
    g_strstrip(word);
    if (strcmp(word, "0") != 0 && strcmp(word, "1") != 0)
        return error_note(fs, EINVAL, PATH, "neither 0 nor 1");
    int error = naming_set_failover(fs->naming, *word == '1');
    if (error == ENOENT && strcmp(fs->options->cache_dir, "none") == 0)
        return error_note(fs, error, PATH, "cache_dir=none and no failover_dir");
    return error ? error_note(fs, error, PATH, "the switch cannot be written") : 0;
}
