/* SPDX-License-Identifier: MIT */
#include "mountopts/option_table.h"

#include <string.h>

#define FIELD(member) offsetof(struct mount_options, member)

/* The one table: name, kind, field, default, limits, argument and help. A default of NULL is
 * computed by set_defaults(). */
static const struct option_row table[] = {
    {"namespace", &option_text, FIELD(namespace_id), "public", 0, 0, "ID", "namespace, by its id"},
    {"group", &option_list, FIELD(groups), NULL, 0, 0, "NAME",
     "a group to show besides those found; may be repeated"},
    {"username", &option_text, FIELD(username), NULL, 0, 0, "NAME",
     "log in as NAME; the password is NACOS_PASSWORD or in credentials"},
    {"credentials", &option_file, FIELD(credentials), NULL, 0, 0, "FILE",
     "username=, password=, access_key=, secret_key=, one a line"},
    {"endpoint", &option_text, FIELD(endpoint), NULL, 0, 0, "URL",
     "address server that gives the server list"},
    {"timeout", &option_number, FIELD(timeout_s), "3", 1, 3600, "SEC",
     "end of a call over all servers"},
    {"connect_timeout", &option_number, FIELD(connect_timeout_s), "1", 1, 3600, "SEC",
     "end of one attempt to connect"},
    {"retries", &option_number, FIELD(retries), "2", 0, 100, "N",
     "further attempts of a call, within timeout"},
    {"push", &option_push, FIELD(push_udp), "udp", 0, 0, "udp|off",
     "let servers push changes by UDP"},
    {"udp_port", &option_number, FIELD(udp_port), "0", 0, 65535, "PORT",
     "port for pushes, 0 = any"},
    {"cache_dir", &option_cache_dir, FIELD(cache_dir), NULL, 0, 0, "DIR|none",
     "where lists are kept for when no server answers"},
    {"load_cache_at_start", &option_flag, FIELD(load_cache_at_start), "false", 0, 0, NULL,
     "serve them before a server is asked, not after"},
    {"failover_dir", &option_file, FIELD(failover_dir), NULL, 0, 0, "DIR",
     "lists to serve while .nacos/failover says 1 (default: failover in cache_dir)"},
    {"empty_protection", &option_flag, FIELD(empty_protection), "false", 0, 0, NULL,
     "keep a list when a server says that nobody is left"},
    {"idle_timeout", &option_number, FIELD(idle_timeout_s), "60", 1, 2592000, "SEC",
     "keep a service fresh that long after its last use"},
    {"keep_registered", &option_flag, FIELD(keep_registered), "false", 0, 0, NULL,
     "leave instances registered at unmount; the next mount keeps them"},
    {"admin", &option_flag, FIELD(admin), "false", 0, 0, NULL,
     "may change and remove what others registered"},
    {"ip", &option_ip, FIELD(ip), NULL, 0, 0, "ADDR",
     "own address for \":PORT\" (default: the route to the server)"},
    {"clusters", &option_clusters, FIELD(clusters), "", 0, 0, "A\\,B",
     "show these clusters only (default: all)"},
    {"listen", &option_listen, FIELD(listen), "127.0.0.1:8848", 0, 0, "ADDR:PORT",
     "where the registry of SOURCE standalone listens"},
    {"cafile", &option_file, FIELD(cafile), NULL, 0, 0, "FILE",
     "the only authorities to trust for https"},
    {"cert", &option_file, FIELD(cert), NULL, 0, 0, "FILE", "own certificate for https"},
    {"key", &option_file, FIELD(key), NULL, 0, 0, "FILE", "its key, if not in the same file"},
    {"insecure", &option_flag, FIELD(insecure), "false", 0, 0, NULL,
     "take any certificate of an https server"},
    {"log_level", &option_log_level, FIELD(log_level), "info", 0, 0, "LEVEL",
     "error, warning, info or debug"},
    {"max_response", &option_size, FIELD(max_response), "64M", 1024, 1U << 30, "BYTES",
     "longest reply of a server; K, M and G may follow"},
    {"ro", &option_flag, FIELD(read_only), "false", 0, 0, NULL, "writes fail with EROFS"},
    {"uid", &option_id, FIELD(uid), NULL, 0, G_MAXUINT32 - 1, "N",
     "owner of all files (default: you)"},
    {"gid", &option_id, FIELD(gid), NULL, 0, G_MAXUINT32 - 1, "N",
     "group of all files, which may then register and deregister"},
    {"umask", &option_octal, FIELD(umask), "0", 0, 0777, "OCTAL",
     "permissions to take from group and others"},
};

void *option_table_field(const struct option_row *row, const struct mount_options *options)
{
    return (char *)options + row->offset;
}

const struct option_row *option_table_find(const char *option)
{
    gsize length = strcspn(option, "=");
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        if (strlen(table[i].name) == length && strncmp(table[i].name, option, length) == 0)
            return &table[i];
    }
    return NULL;
}

void option_table_set_defaults(struct mount_options *options)
{
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        const struct option_row *row = &table[i];
        g_autofree char *why = NULL;
        if (row->fallback != NULL &&
            !row->kind->set(row, option_table_field(row, options), row->fallback, &why))
            g_error("default of option %s: %s", row->name, why);
    }
}

char *mount_options_help(const char *program)
{
    GString *out = g_string_new(NULL);
    g_string_append_printf(
        out,
        "usage: %s [options] SOURCE MOUNTPOINT\n\n"
        "SOURCE is HOST[:PORT][,...], http(s)://HOST[:PORT]/PATH[,...] or standalone.\n\n"
        "    -h, --help             this text\n"
        "    -V, --version          versions of this program, of libfuse and of FUSE\n"
        "    -f                     stay in the foreground\n"
        "    -d, -o debug           the same, and print what FUSE asks\n"
        "    -s                     accepted, without effect\n"
        "    -o OPTION[,OPTION...]  options as below; a backslash before a comma keeps it\n\n",
        program);
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        const struct option_row *row = &table[i];
        g_autofree char *usage =
            g_strconcat("-o ", row->name, row->argument != NULL ? "=" : "", row->argument, NULL);
        g_string_append_printf(out, "    %-26s %s", usage, row->help);
        if (row->fallback != NULL && row->argument != NULL && *row->fallback != '\0')
            g_string_append_printf(out, " (%s)", row->fallback);
        g_string_append_c(out, '\n');
    }
    g_string_append(out, "\nlibfuse's own, among them:\n"
                         "    -o allow_other             let other users in\n"
                         "    -o allow_root              let root in\n"
                         "    -o auto_unmount            unmount when the daemon is gone\n"
                         "    -o max_read=BYTES          longest read request\n"
                         "    -o fsname=NAME             name of the source in the mount table\n");
    return g_string_free(out, FALSE);
}

void mount_options_foreach(const struct mount_options *options,
                           void (*each)(const char *name, const char *value, gpointer user_data),
                           gpointer user_data)
{
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_auto(GStrv) values = table[i].kind->show(option_table_field(&table[i], options));
        for (char **value = values; *value != NULL; value++)
            each(table[i].name, *value, user_data);
    }
}
