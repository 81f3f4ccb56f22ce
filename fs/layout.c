/* SPDX-License-Identifier: MIT */
#include "fs/layout.h"

#include "fs/dotfiles.h"
#include "fs/dotfiles_metrics.h"
#include "fs/failover_file.h"
#include "fs/render.h"
#include "fs/service_files.h"

#include <string.h>

static const struct layout_file files[] = {
    {"instances", LAYOUT_SERVICE, .listed = TRUE, .in_cluster = TRUE, .content = CONTENT_INSTANCES,
     .render = render_instances, .needs_list = TRUE},
    {"instances.json", LAYOUT_SERVICE, .listed = TRUE, .in_cluster = TRUE, .content = CONTENT_JSON,
     .render = render_json, .needs_list = TRUE},
    {"healthy", LAYOUT_SERVICE, .listed = TRUE, .in_cluster = TRUE, .content = CONTENT_HEALTHY,
     .render = render_healthy, .needs_list = TRUE},
    {"pick", LAYOUT_SERVICE, .in_cluster = TRUE, .content = CONTENT_NONE, .draw = service_file_pick,
     .needs_list = TRUE},
    {"events", LAYOUT_SERVICE, .in_cluster = TRUE, .stream = TRUE, .content = CONTENT_NONE,
     .open = service_file_empty, .needs_list = TRUE},
    {"register", LAYOUT_SERVICE, .listed = TRUE, .writable = TRUE, .content = CONTENT_NONE,
     .line = LINE_REGISTER, .open = service_file_register},
    {"deregister", LAYOUT_SERVICE, .listed = TRUE, .writable = TRUE, .content = CONTENT_NONE,
     .line = LINE_DEREGISTER, .open = service_file_empty},
    {"lease", LAYOUT_SERVICE, .listed = TRUE, .writable = TRUE, .content = CONTENT_NONE,
     .line = LINE_LEASE, .open = service_file_lease},
    {"status", LAYOUT_DOT, .listed = TRUE, .content = CONTENT_NONE, .open = dotfile_status},
    {"servers", LAYOUT_DOT, .listed = TRUE, .content = CONTENT_NONE, .open = dotfile_servers},
    {"subscriptions", LAYOUT_DOT, .listed = TRUE, .content = CONTENT_NONE,
     .open = dotfile_subscriptions},
    {"registered", LAYOUT_DOT, .listed = TRUE, .content = CONTENT_NONE, .open = dotfile_registered},
    {"errors", LAYOUT_DOT, .listed = TRUE, .content = CONTENT_NONE, .open = dotfile_errors},
    {"metrics", LAYOUT_DOT, .listed = TRUE, .content = CONTENT_NONE, .open = dotfile_metrics},
    {"failover", LAYOUT_DOT, .listed = TRUE, .writable = TRUE, .content = CONTENT_NONE,
     .open = failover_file_open, .put = failover_file_put},
    {"options", LAYOUT_DOT, .listed = TRUE, .content = CONTENT_NONE, .open = dotfile_options},
    {"events", LAYOUT_DOT, .stream = TRUE, .content = CONTENT_NONE, .open = service_file_empty},
    {"version", LAYOUT_DOT, .listed = TRUE, .content = CONTENT_NONE, .open = dotfile_version},
};

const struct layout_file *layout_files(guint *n)
{
    *n = G_N_ELEMENTS(files);
    return files;
}

const struct layout_file *layout_find(enum layout_place place, const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(files); i++)
        if (files[i].place == place && strcmp(files[i].name, name) == 0)
            return &files[i];
    return NULL;
}

const struct layout_file *layout_content(enum content content)
{
    for (guint i = 0; i < G_N_ELEMENTS(files); i++)
        if (files[i].content == content)
            return &files[i];
    return NULL;
}
