/* SPDX-License-Identifier: MIT */
#include "mountopts/mountopts.h"

#include "mountopts/option_kind.h"

#include <fuse_opt.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIELD(member) offsetof(struct mount_options, member)

/* The one table: name, kind, field, default, limits, argument and help. A default of NULL is
 * computed by set_defaults(). */
static const struct option_row table[] = {
    {"namespace", &option_text, FIELD(namespace_id), "public", 0, 0, "ID", "namespace, by its id"},
    {"group", &option_list, FIELD(groups), NULL, 0, 0, "NAME",
     "a group to show besides those found; may be repeated"},
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
    {"idle_timeout", &option_number, FIELD(idle_timeout_s), "60", 1, 2592000, "SEC",
     "keep a service fresh that long after its last use"},
    {"admin", &option_flag, FIELD(admin), "false", 0, 0, NULL,
     "may change and remove what others registered"},
    {"ip", &option_ip, FIELD(ip), NULL, 0, 0, "ADDR",
     "own address for \":PORT\" (default: the route to the server)"},
    {"clusters", &option_clusters, FIELD(clusters), "", 0, 0, "A\\,B",
     "show these clusters only (default: all)"},
    {"listen", &option_listen, FIELD(listen), "127.0.0.1:8848", 0, 0, "ADDR:PORT",
     "where the registry of SOURCE standalone listens"},
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

/* What fuse_session_new() of libfuse 3.14 takes (mount.c, fuse_lowlevel.c) and a user may choose.
 */
static const char *const for_libfuse[] = {
    "allow_other", "allow_root",  "auto_unmount", "max_read=", "context=",
    "fscontext=",  "defcontext=", "rootcontext=", "noexec",    "noatime",
    "sync",        "async",       "dirsync",
};

/* fstab's words that mean nothing here, and what we set anyway. */
static const char *const dropped[] = {
    "defaults",
    "rw",
    "exec",
    "suid",
    "dev",
    "auto",
    "noauto",
    "user",
    "nouser",
    "users",
    "owner",
    "_netdev",
    "nofail",
    "relatime",
    "atime",
    "diratime",
    "strictatime",
    "nodiratime",
    "nostrictatime",
    "user=",
    "comment=",
    "x-",
    "X-",
    "nosuid",
    "nodev",
    "default_permissions",
};

enum {
    KEY_HELP,
    KEY_VERSION,
    KEY_FOREGROUND,
    KEY_DEBUG,
    KEY_SINGLE, /* libfuse's -s: there is one thread anyway */
};

static const struct fuse_opt switches[] = {
    FUSE_OPT_KEY("-h", KEY_HELP),
    FUSE_OPT_KEY("--help", KEY_HELP),
    FUSE_OPT_KEY("-V", KEY_VERSION),
    FUSE_OPT_KEY("--version", KEY_VERSION),
    FUSE_OPT_KEY("-f", KEY_FOREGROUND),
    FUSE_OPT_KEY("-d", KEY_DEBUG),
    FUSE_OPT_KEY("debug", KEY_DEBUG),
    FUSE_OPT_KEY("-s", KEY_SINGLE),
    FUSE_OPT_END,
};

struct parsing {
    struct mount_options *options;
    char *fsname;  /* fsname= as given, NULL = ours */
    char *subtype; /* subtype= as given, NULL = ours */
    gboolean listen_given;
    char **why;
};

static void *field_of(const struct option_row *row, const struct mount_options *options)
{
    return (char *)options + row->offset;
}

static gboolean refuse(struct parsing *parsing, const char *reason, const char *what)
{
    *parsing->why = g_strdup_printf("%s: %s", reason, what);
    return FALSE;
}

/* An entry ending in '=' or '-' is a prefix. */
static gboolean is_in(const char *const *list, gsize n, const char *option)
{
    for (gsize i = 0; i < n; i++) {
        gsize length = strlen(list[i]);
        gboolean prefix = list[i][length - 1] == '=' || list[i][length - 1] == '-';
        if (prefix ? strncmp(option, list[i], length) == 0 : strcmp(option, list[i]) == 0)
            return TRUE;
    }
    return FALSE;
}

/* `option`: NAME or NAME=VALUE as it stood behind -o, unescaped by libfuse. */
static gboolean set_own(struct parsing *parsing, const struct option_row *row, const char *value)
{
    struct mount_options *options = parsing->options;
    g_autofree char *why = NULL;
    if ((value == NULL) != (row->argument == NULL)) {
        *parsing->why = g_strdup_printf(row->argument != NULL ? "option %s needs a value"
                                                              : "option %s takes no value",
                                        row->name);
        return FALSE;
    }
    if (!row->kind->set(row, field_of(row, options), value != NULL ? value : "true", &why)) {
        *parsing->why = g_strdup_printf("option %s=%s: %s", row->name, value, why);
        return FALSE;
    }
    options->gid_given |= row->offset == FIELD(gid);
    parsing->listen_given |= row->offset == FIELD(listen);
    return TRUE;
}

static const struct option_row *find_row(const char *option)
{
    gsize length = strcspn(option, "=");
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        if (strlen(table[i].name) == length && strncmp(table[i].name, option, length) == 0)
            return &table[i];
    }
    return NULL;
}

/* An answer of a fuse_opt_proc_t: -1 = error, 0 = drop, 1 = keep for libfuse. */
static int take_option(struct parsing *parsing, const char *option)
{
    const struct option_row *row = find_row(option);
    const char *equals = strchr(option, '=');
    if (row != NULL)
        return set_own(parsing, row, equals != NULL ? equals + 1 : NULL) ? 0 : -1;
    if (is_in(for_libfuse, G_N_ELEMENTS(for_libfuse), option))
        return 1;
    if (is_in(dropped, G_N_ELEMENTS(dropped), option))
        return 0;
    if (g_str_has_prefix(option, "fsname=") || g_str_has_prefix(option, "subtype=")) {
        char **place = *option == 'f' ? &parsing->fsname : &parsing->subtype;
        g_free(*place);
        *place = g_strdup(equals + 1);
        return 0;
    }
    refuse(parsing, "unknown option", option);
    return -1;
}

static gboolean take_argument(struct parsing *parsing, const char *argument)
{
    struct mount_options *options = parsing->options;
    if (*argument == '\0')
        return refuse(parsing, "empty argument",
                      *options->source == '\0' ? "SOURCE" : "MOUNTPOINT");
    char **place = *options->source == '\0' ? &options->source : &options->mountpoint;
    if (**place != '\0')
        return refuse(parsing, "one argument too many", argument);
    g_free(*place);
    *place = g_strdup(argument);
    return TRUE;
}

static int take(void *data, const char *arg, int key, struct fuse_args *outargs)
{
    struct parsing *parsing = data;
    struct mount_options *options = parsing->options;
    switch (key) {
    case FUSE_OPT_KEY_OPT:
        return take_option(parsing, arg);
    case FUSE_OPT_KEY_NONOPT:
        return take_argument(parsing, arg) ? 0 : -1;
    case KEY_HELP:
        options->show_help = TRUE;
        break;
    case KEY_VERSION:
        options->show_version = TRUE;
        break;
    case KEY_DEBUG:
        options->debug = TRUE;
        options->foreground = TRUE;
        break;
    case KEY_FOREGROUND:
        options->foreground = TRUE;
        break;
    default:
        break;
    }
    return 0;
}

static void set_defaults(struct mount_options *options)
{
    *options = (struct mount_options){
        .source = g_strdup(""),
        .mountpoint = g_strdup(""),
        .groups = g_new0(char *, 1),
        .uid = geteuid(),
        .gid = getegid(),
    };
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *why = NULL;
        if (table[i].fallback != NULL &&
            !table[i].kind->set(&table[i], field_of(&table[i], options), table[i].fallback, &why))
            g_error("default of option %s: %s", table[i].name, why);
    }
}

void mount_options_clear(struct mount_options *options)
{
    g_free(options->source);
    g_free(options->mountpoint);
    g_free(options->namespace_id);
    g_strfreev(options->groups);
    g_free(options->ip);
    g_free(options->clusters);
    g_free(options->listen);
    g_free(options->log_level);
    memset(options, 0, sizeof(*options));
}

static gboolean has_control_byte(const char *text)
{
    for (; *text != '\0'; text++) {
        if (g_ascii_iscntrl(*text))
            return TRUE;
    }
    return FALSE;
}

/* What cannot be judged option by option. */
static gboolean check(struct parsing *parsing)
{
    const struct mount_options *options = parsing->options;
    if (options->show_help || options->show_version)
        return TRUE;
    if (*options->source == '\0')
        return refuse(parsing, "missing argument", "SOURCE (see --help)");
    if (*options->mountpoint == '\0')
        return refuse(parsing, "missing argument", "MOUNTPOINT (see --help)");
    if (has_control_byte(options->source))
        return refuse(parsing, "bad SOURCE", "a control byte");
    if (options->uid != geteuid() && geteuid() != 0)
        return refuse(parsing, "option uid", "only root may give the files to another user");
    if (parsing->listen_given && strcmp(options->source, "standalone") != 0)
        return refuse(parsing, "option listen", "only with SOURCE standalone");
    return TRUE;
}

/* realpath() works on a mount whose daemon is dead, too: it asks no server about the last
 * component. */
static void resolve_mountpoint(struct mount_options *options)
{
    if (*options->mountpoint == '\0')
        return;
    char *resolved = realpath(options->mountpoint, NULL);
    char *absolute =
        resolved != NULL ? g_strdup(resolved) : g_canonicalize_filename(options->mountpoint, NULL);
    free(resolved);
    g_free(options->mountpoint);
    options->mountpoint = absolute;
}

/* "nacos://" and HOST:PORT of the first server; no path, and no user:password that a URL may hold.
 */
static char *make_fsname(const char *source)
{
    if (strcmp(source, "standalone") == 0)
        return g_strdup("nacos://standalone");
    gboolean https = g_str_has_prefix(source, "https://");
    const char *host = strstr(source, "://");
    host = host != NULL ? host + strlen("://") : source;
    g_autofree char *first = g_strndup(host, strcspn(host, ",/"));
    const char *at = strrchr(first, '@');
    const char *server = at != NULL ? at + 1 : first;
    const char *colon = strrchr(server, ':');
    gboolean has_port = colon != NULL && strchr(colon, ']') == NULL;
    return g_strconcat("nacos://", server, has_port ? "" : https ? ":443" : ":8848", NULL);
}

/* What always goes to libfuse. FALSE only without memory. */
static gboolean add_own(const struct parsing *parsing, struct fuse_args *args)
{
    const struct mount_options *options = parsing->options;
    g_autofree char *made = make_fsname(options->source);
    g_autofree char *fsname =
        g_strconcat("fsname=", parsing->fsname != NULL ? parsing->fsname : made, NULL);
    g_autofree char *subtype =
        g_strconcat("subtype=", parsing->subtype != NULL ? parsing->subtype : "nacosfs", NULL);
    char *list = NULL;
    gboolean ok = fuse_opt_add_opt_escaped(&list, fsname) == 0 &&
                  fuse_opt_add_opt_escaped(&list, subtype) == 0 &&
                  fuse_opt_add_opt(&list, "default_permissions,nosuid,nodev") == 0 &&
                  (!options->debug || fuse_opt_add_opt(&list, "debug") == 0) &&
                  fuse_opt_add_arg(args, "-o") == 0 && fuse_opt_add_arg(args, list) == 0;
    free(list);
    return ok;
}

gboolean mount_options_parse(int argc, char *argv[], struct mount_options *options,
                             struct fuse_args *fuse_args, char **why)
{
    struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
    struct parsing parsing = {.options = options, .why = why};
    *why = NULL;
    set_defaults(options);
    gboolean ok = fuse_opt_parse(&args, &parsing, switches, take) == 0 && check(&parsing);
    if (ok) {
        resolve_mountpoint(options);
        ok = add_own(&parsing, &args);
    }
    if (ok) {
        *fuse_args = args;
    } else {
        if (*why == NULL)
            *why = g_strdup("the command line cannot be read (is a value missing behind -o?)");
        for (char *c = *why; *c != '\0'; c++) /* it repeats what was given, and is one line */
            *c = g_ascii_iscntrl(*c) ? '?' : *c;
        fuse_opt_free_args(&args);
        mount_options_clear(options);
    }
    g_free(parsing.fsname);
    g_free(parsing.subtype);
    return ok;
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
        g_auto(GStrv) values = table[i].kind->show(field_of(&table[i], options));
        for (char **value = values; *value != NULL; value++)
            each(table[i].name, *value, user_data);
    }
}
