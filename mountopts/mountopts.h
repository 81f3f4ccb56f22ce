/* SPDX-License-Identifier: MIT
 *
 * The command line and -o options of nacosfs. One table in option_table.c (name, kind, field,
 * default, help) is what parsing, --help, `.nacos/options` and the test of the man page are made
 * from. Depends on libfuse's fuse_opt only.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

struct fuse_args;

/* Owned by whoever called mount_options_parse; strings are never NULL unless a comment says so. */
struct mount_options {
    /* command line */
    char *source;     /* HOST[:PORT][,...], URL[,...] or "standalone" */
    char *mountpoint; /* absolute (realpath) once parsed; made absolute without it if that fails */
    gboolean foreground;   /* -f, or implied by -d */
    gboolean debug;        /* -d */
    gboolean show_help;    /* -h, --help */
    gboolean show_version; /* -V, --version */

    /* -o, in the order of the table */
    char *namespace_id;      /* namespace=ID; "public" */
    char **groups;           /* group=NAME, repeatable; NULL-terminated; NULL = none */
    char *username;          /* username=NAME; NULL = as in credentials or the environment */
    char *credentials;       /* credentials=FILE, absolute; NULL = none */
    char *endpoint;          /* endpoint=URL; NULL = none */
    guint timeout_s;         /* timeout=SEC; 3; a call over all servers */
    guint connect_timeout_s; /* connect_timeout=SEC; 1 */
    guint retries;           /* retries=N; 2 */
    gboolean push_udp;       /* push=udp|off; udp */
    guint udp_port;          /* udp_port=PORT; 0 = any */
    char *cache_dir; /* cache_dir=DIR|none, absolute, or "none"; /var/cache/nacosfs for root, else
                        nacosfs in XDG_CACHE_HOME, and SOURCE/NAMESPACE below that */
    gboolean load_cache_at_start; /* load_cache_at_start: before a server is asked */
    char *failover_dir; /* failover_dir=DIR, absolute; NULL = "failover" in cache_dir, if any */
    gboolean empty_protection; /* empty_protection */
    guint idle_timeout_s;      /* idle_timeout=SEC; 60 */
    gboolean keep_registered;  /* keep_registered: ephemeral ones, too, outlive the mount */
    gboolean admin;            /* admin: may remove and change what others registered */
    char *ip;           /* ip=ADDR: own address for ":PORT"; NULL = the route towards the server */
    char *clusters;     /* clusters=A,B (comma escaped by a backslash); "" = all */
    char *listen;       /* listen=ADDR:PORT of standalone's registry; "127.0.0.1:8848" */
    char *cafile;       /* cafile=FILE, absolute; NULL = the system's authorities */
    char *cert;         /* cert=FILE, absolute; NULL = none */
    char *key;          /* key=FILE, absolute; NULL = in cert's */
    gboolean insecure;  /* insecure: any certificate will do */
    char *log_level;    /* log_level=error|warning|info|debug; "info" */
    gsize max_response; /* max_response=BYTES (K, M, G suffixes); 64 MiB */
    gboolean read_only; /* ro: writes fail with EROFS */
    uid_t uid;          /* uid=N; geteuid(); another one needs root */
    gid_t gid;          /* gid=N; getegid() */
    gboolean gid_given; /* gid= was there: register, deregister and hosts/ get group write */
    mode_t umask;       /* umask=OCTAL; 0; never takes the owner's bits */
};

/* Environment: what relative paths among the options are relative to, for a process that parses a
 * command line given to another one in another directory; without it they are to the working
 * directory. */
#define MOUNT_OPTIONS_DIRECTORY "NACOSFS_DIRECTORY"

/* Parses argc/argv. On success returns TRUE and puts what belongs to libfuse (allow_other,
 * auto_unmount, max_read=, and our fsname=, subtype=, default_permissions, nosuid, nodev) into
 * *fuse_args (initialise with FUSE_ARGS_INIT(0, NULL); free with fuse_opt_free_args). fsname is
 * "nacos://" and the first server. Options of fstab that mean nothing to us (_netdev, nofail, x-*,
 * defaults, rw, exec, suid, dev, noauto, user, ...) are accepted and dropped. FALSE and one line in
 * *why (new string) for an unknown option, a bad value, a missing SOURCE or MOUNTPOINT; an option
 * is never ignored silently. */
gboolean mount_options_parse(int argc, char *argv[], struct mount_options *options,
                             struct fuse_args *fuse_args, char **why);
void mount_options_clear(struct mount_options *options);

/* Text of --help, made from the table. New string. */
char *mount_options_help(const char *program);

/* Calls `each` with name and value of every option as it is in force, in the order of the table,
 * for
 * `.nacos/options`. Values are borrowed. */
void mount_options_foreach(const struct mount_options *options,
                           void (*each)(const char *name, const char *value, gpointer user_data),
                           gpointer user_data);
