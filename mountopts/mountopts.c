/* SPDX-License-Identifier: MIT */
#include "mountopts/mountopts.h"

#include "mountopts/cache_dir.h"
#include "mountopts/option_table.h"

#include <fuse_opt.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    if (!row->kind->set(row, option_table_field(row, options), value != NULL ? value : "true",
                        &why)) {
        *parsing->why = g_strdup_printf("option %s=%s: %s", row->name, value, why);
        return FALSE;
    }
    options->gid_given |= row->offset == offsetof(struct mount_options, gid);
    parsing->listen_given |= row->offset == offsetof(struct mount_options, listen);
    return TRUE;
}

/* An answer of a fuse_opt_proc_t: -1 = error, 0 = drop, 1 = keep for libfuse. */
static int take_option(struct parsing *parsing, const char *option)
{
    const struct option_row *row = option_table_find(option);
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
    option_table_set_defaults(options);
}

void mount_options_clear(struct mount_options *options)
{
    g_free(options->source);
    g_free(options->mountpoint);
    g_free(options->namespace_id);
    g_strfreev(options->groups);
    g_free(options->cache_dir);
    g_free(options->failover_dir);
    g_free(options->ip);
    g_free(options->clusters);
    g_free(options->listen);
    g_free(options->username);
    g_free(options->credentials);
    g_free(options->endpoint);
    g_free(options->cafile);
    g_free(options->cert);
    g_free(options->key);
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
    if (options->endpoint != NULL && strcmp(options->source, "standalone") == 0)
        return refuse(parsing, "option endpoint", "not with SOURCE standalone");
    if (options->key != NULL && options->cert == NULL)
        return refuse(parsing, "option key", "only with cert");
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
        if (options->cache_dir == NULL)
            options->cache_dir = cache_dir_default(options);
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
