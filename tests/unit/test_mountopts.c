/* SPDX-License-Identifier: MIT */
#include "mountopts/mountopts.h"

#include <fuse_opt.h>
#include <string.h>
#include <unistd.h>

/* A command line and what came of it. */
struct outcome {
    gboolean ok;
    struct mount_options options;
    struct fuse_args args;
    char *why;
};

static struct outcome parse(const char *line)
{
    struct outcome outcome = {.args = FUSE_ARGS_INIT(0, NULL)};
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);
    outcome.ok = mount_options_parse((int)g_strv_length(argv), argv, &outcome.options,
                                     &outcome.args, &outcome.why);
    g_assert_true(outcome.ok == (outcome.why == NULL));
    return outcome;
}

static void forget(struct outcome *outcome)
{
    if (outcome->ok)
        mount_options_clear(&outcome->options);
    fuse_opt_free_args(&outcome->args);
    g_free(outcome->why);
}

static void check_refused(const char *line, const char *why)
{
    struct outcome outcome = parse(line);
    g_assert_cmpstr(outcome.why, ==, why);
    forget(&outcome);
}

/* What libfuse gets, joined by blanks. */
static void check_fuse_args(const char *line, const char *expected)
{
    struct outcome outcome = parse(line);
    g_assert_cmpstr(outcome.why, ==, NULL);
    g_autofree char *args = g_strjoinv(" ", outcome.args.argv);
    g_assert_cmpstr(args, ==, expected);
    forget(&outcome);
}

#define OURS ",subtype=nacosfs,default_permissions,nosuid,nodev"

static void append_field(const char *name, const char *value, gpointer user_data)
{
    g_string_append_printf(user_data, "%s=%s\n", name, value);
}

static void check_values(const char *line, const char *expected)
{
    struct outcome outcome = parse(line);
    g_assert_cmpstr(outcome.why, ==, NULL);
    g_autoptr(GString) values = g_string_new(NULL);
    mount_options_foreach(&outcome.options, append_field, values);
    g_assert_cmpstr(values->str, ==, expected);
    forget(&outcome);
}

static void test_defaults(void)
{
    const char *base = geteuid() == 0 ? "/var/cache" : g_get_user_cache_dir();
    g_autofree char *expected =
        g_strdup_printf("namespace=public\ngroup=\nusername=\ncredentials=\nendpoint=\n"
                        "timeout=3\nconnect_timeout=1\nretries=2\npush=udp\nudp_port=0\n"
                        "cache_dir=%s/nacosfs/s/public\nload_cache_at_start=false\nfailover_dir=\n"
                        "empty_protection=false\nidle_timeout=60\nkeep_registered=false\n"
                        "admin=false\nip=\nclusters=\nlisten=127.0.0.1:8848\n"
                        "cafile=\ncert=\nkey=\ninsecure=false\nlog_level=info\n"
                        "max_response=67108864\nro=false\nuid=%u\ngid=%u\numask=000\n",
                        base, geteuid(), getegid());
    check_values("nacosfs s /", expected);
}

static void test_every_option(void)
{
    g_autofree char *line = g_strdup_printf(
        "nacosfs standalone / -o "
        "namespace=dev,group=A,group=B,username=u,credentials=/c/./"
        "d,timeout=5,connect_timeout=2,retries=0,"
        "push=off,udp_port=1234,cache_dir=/c/./d,load_cache_at_start,failover_dir=/f,"
        "empty_protection,idle_timeout=9,keep_registered,admin -o "
        "ip=::0:1,clusters=a\\,b,listen=[::1]:0,"
        "cafile=/a,cert=/b,key=/"
        "c,insecure,log_level=debug,max_response=2M,ro,uid=%u,gid=7,umask=027",
        geteuid());
    g_autofree char *expected = g_strdup_printf(
        "namespace=dev\ngroup=A\ngroup=B\nusername=u\ncredentials=/c/d\nendpoint=\n"
        "timeout=5\nconnect_timeout=2\nretries=0\npush=off\n"
        "udp_port=1234\ncache_dir=/c/d\nload_cache_at_start=true\nfailover_dir=/f\n"
        "empty_protection=true\nidle_timeout=9\nkeep_registered=true\nadmin=true\nip=::1\nclusters="
        "a,b\nlisten=[::1]:0\n"
        "cafile=/a\ncert=/b\nkey=/"
        "c\ninsecure=true\nlog_level=debug\nmax_response=2097152\nro=true\nuid=%u\ngid=7\numask="
        "027\n",
        geteuid());
    check_values(line, expected);
}

/* No SOURCE and no namespace leads out of the directory, and no two share one. */
static void test_cache_dir(void)
{
    const char *base = geteuid() == 0 ? "/var/cache" : g_get_user_cache_dir();
    static const char *const cases[][2] = {
        {"nacosfs 10.0.0.1:8848,b /", "10.0.0.1%3A8848%2Cb/public"},
        {"nacosfs standalone /", "standalone%20127.0.0.1%3A8848/public"},
        {"nacosfs s / -o namespace=..", "s/%2E."},
        {"nacosfs .. / -o namespace=.", "%2E./%2E"},
        {"nacosfs s / -o namespace=../../etc", "s/%2E.%2F..%2Fetc"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct outcome outcome = parse(cases[i][0]);
        g_autofree char *expected = g_build_filename(base, "nacosfs", cases[i][1], NULL);
        g_assert_cmpstr(outcome.options.cache_dir, ==, expected);
        forget(&outcome);
    }
}

static void test_directories_are_absolute(void)
{
    g_autofree char *here = g_get_current_dir();
    g_autofree char *expected = g_build_filename(here, "none", NULL);
    struct outcome outcome = parse("nacosfs s / -o cache_dir=none,failover_dir=none");
    g_assert_cmpstr(outcome.options.cache_dir, ==, "none");
    g_assert_cmpstr(outcome.options.failover_dir, ==, expected);
    forget(&outcome);
}

static void test_arguments(void)
{
    struct outcome outcome = parse("nacosfs a:1,b /usr/./bin/..");
    g_assert_cmpstr(outcome.options.source, ==, "a:1,b");
    g_assert_cmpstr(outcome.options.mountpoint, ==, "/usr");
    g_assert_false(outcome.options.foreground);
    g_assert_false(outcome.options.gid_given);
    forget(&outcome);
}

static void test_mountpoint_that_is_not_there_is_absolute(void)
{
    g_autofree char *here = g_get_current_dir();
    g_autofree char *expected = g_build_filename(here, "not-there", NULL);
    struct outcome outcome = parse("nacosfs s not-there");
    g_assert_cmpstr(outcome.options.mountpoint, ==, expected);
    forget(&outcome);
}

static void test_gid_given(void)
{
    struct outcome outcome = parse("nacosfs s / -o gid=0");
    g_assert_true(outcome.options.gid_given);
    forget(&outcome);
}

static void test_switches(void)
{
    struct outcome plain = parse("nacosfs -f -s s /");
    g_assert_true(plain.options.foreground && !plain.options.debug);
    forget(&plain);
    struct outcome debug = parse("nacosfs -d s /");
    g_assert_true(debug.options.foreground && debug.options.debug);
    forget(&debug);
    struct outcome option = parse("nacosfs s / -odebug");
    g_assert_true(option.options.foreground && option.options.debug);
    forget(&option);
}

static void test_help_and_version_need_no_arguments(void)
{
    const char *lines[] = {"nacosfs -h", "nacosfs --help", "nacosfs -V", "nacosfs --version"};
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        struct outcome outcome = parse(lines[i]);
        g_assert_true(outcome.ok);
        g_assert_true(i < 2 ? outcome.options.show_help : outcome.options.show_version);
        forget(&outcome);
    }
}

static void test_double_dash_ends_options(void)
{
    struct outcome outcome = parse("nacosfs -f -- -source /");
    g_assert_cmpstr(outcome.why, ==, NULL);
    g_assert_cmpstr(outcome.options.source, ==, "-source");
    g_assert_cmpint(outcome.args.argc, ==, 3);
    forget(&outcome);
}

static void test_arguments_that_lack_or_abound(void)
{
    check_refused("nacosfs", "missing argument: SOURCE (see --help)");
    check_refused("nacosfs s", "missing argument: MOUNTPOINT (see --help)");
    check_refused("nacosfs s / x", "one argument too many: x");
    check_refused("nacosfs  /", "empty argument: SOURCE");
}

static void test_unknown_options(void)
{
    check_refused("nacosfs s / -o nonsense", "unknown option: nonsense");
    check_refused("nacosfs s / -o rw,nonsense=1", "unknown option: nonsense=1");
    check_refused("nacosfs s / -o timeouts=1", "unknown option: timeouts=1");
    check_refused("nacosfs s / -x", "unknown option: -x");
    check_refused("nacosfs s / --long", "unknown option: --long");
    check_refused("nacosfs s / -o max_write=1", "unknown option: max_write=1");
    check_refused("nacosfs s / -o password=x", "unknown option: password=x");
}

static void test_bad_values(void)
{
    const char *bad[] = {
        "timeout=0",
        "timeout=",
        "timeout=-1",
        "timeout=1s",
        "timeout=99999",
        "timeout",
        "retries=x",
        "push=tcp",
        "push=",
        "udp_port=65536",
        "admin=yes",
        "admin=",
        "ro=1",
        "ip=1.2.3",
        "ip=host",
        "ip=[::1]",
        "ip=",
        "clusters=a_b",
        "clusters=a\\,",
        "log_level=INFO",
        "max_response=0",
        "max_response=2G",
        "max_response=1T",
        "max_response=K",
        "max_response=",
        "umask=8",
        "umask=1777",
        "gid=-1",
        "gid=root",
        "gid=4294967295",
        "namespace=",
        "namespace=a\\012",
        "group=",
        "group=a@@b",
        "group",
        "idle_timeout=0",
        "cache_dir=",
        "failover_dir=",
        "connect_timeout=",
        "namespace=\xff",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *line = g_strconcat("nacosfs s / -o ", bad[i], NULL);
        struct outcome outcome = parse(line);
        if (outcome.ok)
            g_test_message("taken: %s", bad[i]);
        g_assert_false(outcome.ok);
        g_assert_true(g_str_has_prefix(outcome.why, "option "));
        g_assert_null(strchr(outcome.why, '\n'));
        forget(&outcome);
    }
}

static void test_bad_value_says_what_is_right(void)
{
    check_refused("nacosfs s / -o timeout=0", "option timeout=0: must be a number from 1 to 3600");
    check_refused("nacosfs s / -o timeout", "option timeout needs a value");
    check_refused("nacosfs s / -o ro=1", "option ro takes no value");
}

static void test_listen_is_for_standalone(void)
{
    check_refused("nacosfs s / -o listen=127.0.0.1:0",
                  "option listen: only with SOURCE standalone");
    const char *bad[] = {"127.0.0.1", ":80",     "127.0.0.1:65536",
                         "::1:80",    "host:80", "[1.2.3.4]:80"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *line = g_strconcat("nacosfs standalone / -o listen=", bad[i], NULL);
        struct outcome outcome = parse(line);
        g_assert_false(outcome.ok);
        forget(&outcome);
    }
}

static void test_other_uid_needs_root(void)
{
    g_autofree char *line = g_strdup_printf("nacosfs s / -o uid=%u", geteuid() + 1);
    struct outcome outcome = parse(line);
    g_assert_true(outcome.ok == (geteuid() == 0));
    forget(&outcome);
}

static void test_fsname(void)
{
    const char *pairs[][2] = {
        {"10.0.0.1", "10.0.0.1:8848"}, {"10.0.0.1:1,b:2", "10.0.0.1:1"},
        {"[::1]", "[::1]:8848"},       {"[::1]:80", "[::1]:80"},
        {"http://h/nacos", "h:8848"},  {"https://h/nacos,b", "h:443"},
        {"https://h:1/x", "h:1"},      {"http://user:secret@h/", "h:8848"},
        {"standalone", "standalone"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
        g_autofree char *line = g_strconcat("nacosfs ", pairs[i][0], " /", NULL);
        g_autofree char *args = g_strconcat("nacosfs -o fsname=nacos://", pairs[i][1], OURS, NULL);
        check_fuse_args(line, args);
    }
}

static void test_fsname_and_subtype_as_given(void)
{
    check_fuse_args("nacosfs s / -o fsname=a\\,b,subtype=x",
                    "nacosfs -o fsname=a\\,b,subtype=x,default_permissions,nosuid,nodev");
}

static void test_options_of_libfuse_pass(void)
{
    check_fuse_args("nacosfs s / -o allow_other,ro,max_read=4096 -o auto_unmount",
                    "nacosfs -o allow_other,max_read=4096,auto_unmount -o "
                    "fsname=nacos://s:8848" OURS);
}

static void test_debug_passes(void)
{
    check_fuse_args("nacosfs -d s /", "nacosfs -o fsname=nacos://s:8848" OURS ",debug");
}

static void test_as_mount_fuse3_calls(void)
{
    check_fuse_args("nacosfs s / -o rw,dev,suid,allow_other,_netdev,nofail,x-systemd.automount,"
                    "defaults,comment=x,nosuid,default_permissions",
                    "nacosfs -o allow_other -o fsname=nacos://s:8848" OURS);
}

static void test_value_is_missing_behind_o(void)
{
    struct outcome outcome = parse("nacosfs s / -o");
    g_assert_false(outcome.ok);
    forget(&outcome);
}

static void append_name(const char *name, const char *value, gpointer user_data)
{
    g_ptr_array_add(user_data, g_strdup(name));
}

static GPtrArray *names_of_table(void)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    struct outcome outcome = parse("nacosfs s /");
    mount_options_foreach(&outcome.options, append_name, names);
    forget(&outcome);
    return names;
}

static void test_help_has_every_option(void)
{
    g_autofree char *help = mount_options_help("nacosfs");
    g_autoptr(GPtrArray) names = names_of_table();
    g_assert_true(g_str_has_prefix(help, "usage: nacosfs [options] SOURCE MOUNTPOINT\n"));
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *entry = g_strconcat("    -o ", names->pdata[i], NULL);
        g_assert_nonnull(strstr(help, entry));
    }
}

/* The section "Options of nacosfs" has an .It of every row, in order, and no other. */
static void test_man_page_has_the_table(void)
{
    g_autofree char *page = NULL;
    const char *path = g_getenv("MAN_PAGE");
    g_assert_nonnull(path);
    g_assert_true(g_file_get_contents(path, &page, NULL, NULL));
    char *section = strstr(page, ".Ss Options of nacosfs\n");
    g_assert(section != NULL);
    char *end = strstr(section + strlen(".Ss"), "\n.S");
    g_assert(end != NULL);
    *end = '\0';
    g_autoptr(GPtrArray) names = names_of_table();
    guint found = 0;
    for (char *item = strstr(section, "\n.It Cm "); item; item = strstr(item + 1, "\n.It Cm ")) {
        const char *start = item + strlen("\n.It Cm ");
        g_autofree char *name = g_strndup(start, strcspn(start, " =\n"));
        g_assert_cmpuint(found, <, names->len);
        g_assert_cmpstr(name, ==, names->pdata[found]);
        found++;
    }
    g_assert_cmpuint(found, ==, names->len);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mountopts/defaults", test_defaults);
    g_test_add_func("/mountopts/every", test_every_option);
    g_test_add_func("/mountopts/cache-dir", test_cache_dir);
    g_test_add_func("/mountopts/directories-are-absolute", test_directories_are_absolute);
    g_test_add_func("/mountopts/arguments", test_arguments);
    g_test_add_func("/mountopts/absolute", test_mountpoint_that_is_not_there_is_absolute);
    g_test_add_func("/mountopts/gid-given", test_gid_given);
    g_test_add_func("/mountopts/switches", test_switches);
    g_test_add_func("/mountopts/help-version", test_help_and_version_need_no_arguments);
    g_test_add_func("/mountopts/double-dash", test_double_dash_ends_options);
    g_test_add_func("/mountopts/missing", test_arguments_that_lack_or_abound);
    g_test_add_func("/mountopts/unknown", test_unknown_options);
    g_test_add_func("/mountopts/bad-values", test_bad_values);
    g_test_add_func("/mountopts/bad-value-text", test_bad_value_says_what_is_right);
    g_test_add_func("/mountopts/listen", test_listen_is_for_standalone);
    g_test_add_func("/mountopts/uid", test_other_uid_needs_root);
    g_test_add_func("/mountopts/fsname", test_fsname);
    g_test_add_func("/mountopts/fsname-given", test_fsname_and_subtype_as_given);
    g_test_add_func("/mountopts/libfuse", test_options_of_libfuse_pass);
    g_test_add_func("/mountopts/debug", test_debug_passes);
    g_test_add_func("/mountopts/mount.fuse3", test_as_mount_fuse3_calls);
    g_test_add_func("/mountopts/o-alone", test_value_is_missing_behind_o);
    g_test_add_func("/mountopts/help", test_help_has_every_option);
    g_test_add_func("/mountopts/man", test_man_page_has_the_table);
    return g_test_run();
}
