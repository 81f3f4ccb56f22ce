/* SPDX-License-Identifier: MIT */
#include "naming/failover_reactor.h"

#include "naming/disk_writer.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_US (2 * G_USEC_PER_SEC) /* FailoverReactor.SwitchRefresher of Java: 5 s */
#define SWITCH_MAX 4096              /* bytes of the switch that are looked at */

struct failover_reactor {
    char *places[2]; /* paths of the switch: of 2.5, of 1.4 */
    char *dir;
    char *clusters;
    GHashTable *files; /* struct service_key * -> path; while the switch is on */
    struct parse_worker *worker;
    gboolean on;
    struct stat seen; /* of the switch that was acted upon; zeroes = none */
    struct timer timer;
    struct trouble trouble;
    void (*switched)(gpointer user_data);
    gpointer user_data;
};

/* --- the switch --------------------------------------------------------------------------------
 */

static gboolean is_newer(const struct stat *a, const struct stat *b)
{
    if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
        return a->st_mtim.tv_sec > b->st_mtim.tv_sec;
    return a->st_mtim.tv_nsec > b->st_mtim.tv_nsec;
}

static gboolean is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && !is_newer(a, b) && !is_newer(b, a);
}

/* The place of the switch that counts; NULL, and zeroes in *st, if there is none. */
static const char *find_switch(const struct failover_reactor *reactor, struct stat *st)
{
    const char *found = NULL;
    struct stat one;

    *st = (struct stat){0};
    for (guint i = 0; i < G_N_ELEMENTS(reactor->places); i++) {
        if (lstat(reactor->places[i], &one) != 0 || !S_ISREG(one.st_mode) ||
            (found != NULL && !is_newer(&one, st)))
            continue;
        *st = one;
        found = reactor->places[i];
    }
    return found;
}

/* The first line that is 0 or 1; `before` if none is, FALSE if the file is empty. */
static gboolean read_switch(const char *path, gboolean before)
{
    char text[SWITCH_MAX + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, text, SWITCH_MAX);
    g_auto(GStrv) lines = NULL;

    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return n == 0 ? FALSE : before;
    text[n] = '\0';
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        g_strstrip(*line);
        if (strcmp(*line, "1") == 0 || strcmp(*line, "0") == 0)
            return **line == '1';
    }
    return before;
}

/* --- the files ---------------------------------------------------------------------------------
 */

static void read_names(struct failover_reactor *reactor)
{
    g_autoptr(GDir) dir = reactor->on ? g_dir_open(reactor->dir, 0, NULL) : NULL;
    const char *name;

    g_hash_table_remove_all(reactor->files);
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *clusters = NULL;
        g_autoptr(service_key) key = disk_list_key(reactor->dir, name, &clusters);
        gboolean encoded = strchr(name, '%') != NULL;

        if (key == NULL || strcmp(clusters, reactor->clusters) != 0)
            continue;
        if (encoded || !g_hash_table_contains(reactor->files, key))
            g_hash_table_replace(reactor->files, g_steal_pointer(&key),
                                 g_build_filename(reactor->dir, name, NULL));
    }
}

/* TRUE if there is something to act upon. */
static gboolean look(struct failover_reactor *reactor)
{
    struct stat st;
    const char *path = find_switch(reactor, &st);
    gboolean before = reactor->on;

    if (is_same(&st, &reactor->seen))
        return FALSE;
    reactor->seen = st;
    reactor->on = path != NULL && read_switch(path, before);
    read_names(reactor);
    return reactor->on || before;
}

static void failover_reactor_on_timer(gpointer user_data)
{
    struct failover_reactor *reactor = user_data;

    timer_set(&reactor->timer, LOOK_US);
    if (look(reactor))
        reactor->switched(reactor->user_data);
}

struct failover_reactor *failover_reactor_new(const struct failover_reactor_config *config)
{
    struct failover_reactor *reactor = g_new0(struct failover_reactor, 1);

    reactor->dir = g_strdup(config->dir);
    reactor->clusters = g_strdup(config->clusters);
    reactor->places[0] = g_build_filename(config->dir, FAILOVER_SWITCH, NULL);
    reactor->places[1] = g_strconcat(config->dir, FAILOVER_SWITCH, NULL);
    reactor->files = g_hash_table_new_full(service_key_hash, service_key_equal,
                                           (GDestroyNotify)service_key_free, g_free);
    reactor->worker = parse_worker_new();
    reactor->trouble = config->trouble;
    reactor->switched = config->switched;
    reactor->user_data = config->user_data;
    timer_init(&reactor->timer, config->timers, failover_reactor_on_timer, reactor);
    timer_set(&reactor->timer, LOOK_US);
    look(reactor);
    return reactor;
}

void failover_reactor_free(struct failover_reactor *reactor)
{
    timer_stop(&reactor->timer);
    parse_worker_free(reactor->worker);
    g_hash_table_unref(reactor->files);
    g_free(reactor->places[0]);
    g_free(reactor->places[1]);
    g_free(reactor->dir);
    g_free(reactor->clusters);
    g_free(reactor);
}

gboolean failover_reactor_is_on(const struct failover_reactor *reactor)
{
    return reactor->on;
}

int failover_reactor_set(struct failover_reactor *reactor, gboolean on)
{
    int error = 0;

    /* the older place first: should only that be writable, it is the newer one all the same */
    for (guint i = G_N_ELEMENTS(reactor->places); i-- > 0;)
        error = disk_writer_replace(reactor->places[i], on ? "1\n" : "0\n");
    if (look(reactor))
        reactor->switched(reactor->user_data);
    return reactor->on == on ? 0 : error;
}

gboolean failover_reactor_has(const struct failover_reactor *reactor, const struct service_key *key)
{
    return g_hash_table_contains(reactor->files, key);
}

gboolean failover_reactor_load(struct failover_reactor *reactor, const struct service_key *key,
                               disk_list_fn done, gpointer user_data, struct disk_list_job **job)
{
    const struct disk_list_file file = {.worker = reactor->worker,
                                        .path = g_hash_table_lookup(reactor->files, key),
                                        .key = key,
                                        .source = disk_list_failover};

    *job = NULL;
    return file.path != NULL && disk_list_read(&file, done, user_data, job);
}

void failover_reactor_complain(const struct failover_reactor *reactor,
                               const struct service_key *key, const struct disk_list *list)
{
    const char *path = g_hash_table_lookup(reactor->files, key);
    g_autofree char *text =
        g_strdup_printf("%s cannot be used: %s", path != NULL ? path : "?", list->why);
    const struct naming_result result = {NAMING_LOCAL, "", text};

    if (list->info == NULL)
        trouble_report(&reactor->trouble, key, &result);
}
