/* SPDX-License-Identifier: MIT */
#include "naming/fallback.h"

#include "naming/call.h"
#include "naming/result_copy.h"

struct fallbacks {
    struct fallbacks_config config;
    GQueue all; /* struct fallback */
};

enum fallback_kind { FALLBACK_LIST, FALLBACK_NAMES, FALLBACK_COUNT };

/* Any `done`; cast back before it is called. */
typedef void (*fallback_done_fn)(void);

struct fallback {
    struct naming_call call;
    struct fallbacks *owner;
    GList link;
    enum fallback_kind kind;
    struct service_key *key;       /* of a list */
    char *group;                   /* of names or a count; NULL = the groups themselves */
    struct naming_call *asked;     /* NULL = not (any more) */
    struct disk_list_job *loading; /* NULL = not */
    struct result_copy failed;     /* why a file is read */
    gboolean tried;                /* the file was looked at */
    gboolean told;                 /* `done` was called: only `asked` is waited for */
    struct timer timer;            /* to look at the files */
    fallback_done_fn done;
    gpointer user_data;
};

gboolean fallback_is_due(enum naming_status status)
{
    return status == NAMING_UNREACHABLE || status == NAMING_TIMEOUT || status == NAMING_REMOTE;
}

static void fallback_free(struct fallback *fallback)
{
    g_queue_unlink(&fallback->owner->all, &fallback->link);
    timer_stop(&fallback->timer);
    g_clear_pointer(&fallback->asked, naming_call_cancel);
    g_clear_pointer(&fallback->loading, disk_list_cancel);
    result_copy_clear(&fallback->failed);
    service_key_free(fallback->key);
    g_free(fallback->group);
    g_free(fallback);
}

static void fallback_cancel(struct naming_call *call)
{
    fallback_free((struct fallback *)call);
}

/* What there is to tell: one of them, by the kind. */
struct answer {
    struct service_info *info;
    const char *const *names;
    guint count;
};

/* Calls `done`, and frees the record unless a server is still being asked. */
static void tell(struct fallback *fallback, const struct naming_result *result,
                 const struct answer *answer)
{
    fallback_done_fn done = fallback->done;
    gpointer user_data = fallback->user_data;
    enum fallback_kind kind = fallback->kind;

    fallback->told = TRUE;
    timer_stop(&fallback->timer);
    if (fallback->asked == NULL)
        fallback_free(fallback);
    if (kind == FALLBACK_LIST)
        ((naming_list_fn)done)(result, answer->info, user_data);
    else if (kind == FALLBACK_NAMES)
        ((naming_names_fn)done)(result, answer->names, user_data);
    else
        ((naming_count_fn)done)(result, answer->count, user_data);
}

/* --- files -------------------------------------------------------------------------------------
 */

/* With no names on the disk there is nothing to tell while a server is still being asked. */
static void tell_names(struct fallback *fallback, const struct naming_result *result)
{
    g_auto(GStrv) names = disk_cache_names(fallback->owner->config.disk, fallback->group);
    guint n = g_strv_length(names);
    const struct answer answer = {.names = n == 0 ? NULL : (const char *const *)names, .count = n};

    if (n > 0 || fallback->asked == NULL)
        tell(fallback, result, &answer);
}

static void on_loaded(const struct disk_list *list, gpointer user_data)
{
    struct fallback *fallback = user_data;
    struct disk_cache *disk = fallback->owner->config.disk;
    g_autoptr(service_key) key = service_key_dup(fallback->key);
    g_autofree char *server = g_steal_pointer(&fallback->failed.server);
    g_autofree char *text = g_steal_pointer(&fallback->failed.text);
    const struct naming_result result = {fallback->failed.status, server, text};
    const struct answer answer = {.info = list->info};

    fallback->loading = NULL;
    if (list->info != NULL || fallback->asked == NULL)
        tell(fallback, &result, &answer);
    disk_cache_complain(disk, key, list);
}

static void look_at_disk(struct fallback *fallback, const struct naming_result *result)
{
    static const struct answer nothing = {0};
    struct disk_cache *disk = fallback->owner->config.disk;
    gboolean found;

    if (fallback->kind != FALLBACK_LIST) {
        tell_names(fallback, result);
        return;
    }
    result_copy_set(&fallback->failed, result);
    found = !fallback->tried && disk_cache_has(disk, fallback->key);
    fallback->tried = TRUE;
    if (found)
        disk_cache_load(disk, fallback->key, on_loaded, fallback, &fallback->loading);
    else if (fallback->asked == NULL && fallback->loading == NULL)
        tell(fallback, result, &nothing);
}

/* --- servers -----------------------------------------------------------------------------------
 */

static void on_asked(struct fallback *fallback, const struct naming_result *result,
                     const struct answer *answer)
{
    fallback->asked = NULL;
    if (fallback->told)
        fallback_free(fallback);
    else if (fallback->owner->config.disk != NULL && fallback_is_due(result->status))
        look_at_disk(fallback, result);
    else
        tell(fallback, result, answer);
}

static void on_list(const struct naming_result *result, struct service_info *info,
                    gpointer user_data)
{
    const struct answer answer = {.info = info};

    on_asked(user_data, result, &answer);
}

static void on_names(const struct naming_result *result, const char *const *names,
                     gpointer user_data)
{
    const struct answer answer = {.names = names};

    on_asked(user_data, result, &answer);
}

static void on_count(const struct naming_result *result, guint count, gpointer user_data)
{
    const struct answer answer = {.count = count};

    on_asked(user_data, result, &answer);
}

static void fallback_ask(struct fallback *fallback)
{
    struct naming_proxy *proxy = fallback->owner->config.proxy;
    struct disk_cache *disk = fallback->owner->config.disk;
    gint64 end = disk == NULL ? -1 : patience_end(fallback->owner->config.patience);

    if (fallback->kind == FALLBACK_LIST)
        fallback->asked = naming_proxy_list(proxy, fallback->key, 0, on_list, fallback);
    else if (fallback->kind == FALLBACK_COUNT)
        fallback->asked = naming_proxy_group_count(proxy, fallback->group, on_count, fallback);
    else if (fallback->group != NULL)
        fallback->asked = naming_proxy_services(proxy, fallback->group, on_names, fallback);
    else
        fallback->asked = naming_proxy_groups(proxy, on_names, fallback);
    if (end >= 0)
        timer_set_at(&fallback->timer, end);
}

static void on_failover(const struct disk_list *list, gpointer user_data)
{
    static const struct naming_result held = {NAMING_OK, "", ""};
    struct fallback *fallback = user_data;
    const struct answer answer = {.info = list->info};

    fallback->loading = NULL;
    if (list->info != NULL && list->info->n_hosts > 0)
        tell(fallback, &held, &answer);
    else
        fallback_ask(fallback);
}

/* Set at once for a service of the failover, else for when the patience ends. */
static void on_timer(gpointer user_data)
{
    static const struct naming_result silent = {NAMING_TIMEOUT, "",
                                                "no server has answered yet; the disk has this"};
    struct fallback *fallback = user_data;
    struct failover_reactor *failover = fallback->owner->config.failover;

    if (fallback->asked != NULL)
        look_at_disk(fallback, &silent);
    else if (!failover_reactor_load(failover, fallback->key, on_failover, fallback,
                                    &fallback->loading))
        fallback_ask(fallback);
}

/* --- the questions -----------------------------------------------------------------------------
 */

static struct fallback *fallback_new(struct fallbacks *fallbacks, enum fallback_kind kind,
                                     fallback_done_fn done, gpointer user_data)
{
    struct fallback *fallback = g_new0(struct fallback, 1);

    fallback->call.cancel = fallback_cancel;
    fallback->owner = fallbacks;
    fallback->kind = kind;
    fallback->done = done;
    fallback->user_data = user_data;
    fallback->link.data = fallback;
    g_queue_push_tail_link(&fallbacks->all, &fallback->link);
    timer_init(&fallback->timer, fallbacks->config.timers, on_timer, fallback);
    return fallback;
}

struct naming_call *fallbacks_list(struct fallbacks *fallbacks, const struct service_key *key,
                                   naming_list_fn done, gpointer user_data)
{
    const struct failover_reactor *failover = fallbacks->config.failover;
    struct fallback *fallback;

    if (fallbacks->config.disk == NULL && failover == NULL)
        return naming_proxy_list(fallbacks->config.proxy, key, 0, done, user_data);
    fallback = fallback_new(fallbacks, FALLBACK_LIST, (fallback_done_fn)done, user_data);
    fallback->key = service_key_dup(key);
    if (failover != NULL && failover_reactor_has(failover, key))
        timer_set(&fallback->timer, 0);
    else
        fallback_ask(fallback);
    return &fallback->call;
}

struct naming_call *fallbacks_services(struct fallbacks *fallbacks, const char *group,
                                       naming_names_fn done, gpointer user_data)
{
    struct fallback *fallback;

    if (fallbacks->config.disk == NULL)
        return naming_proxy_services(fallbacks->config.proxy, group, done, user_data);
    fallback = fallback_new(fallbacks, FALLBACK_NAMES, (fallback_done_fn)done, user_data);
    fallback->group = g_strdup(group);
    fallback_ask(fallback);
    return &fallback->call;
}

struct naming_call *fallbacks_group_count(struct fallbacks *fallbacks, const char *group,
                                          naming_count_fn done, gpointer user_data)
{
    struct fallback *fallback;

    if (fallbacks->config.disk == NULL)
        return naming_proxy_group_count(fallbacks->config.proxy, group, done, user_data);
    fallback = fallback_new(fallbacks, FALLBACK_COUNT, (fallback_done_fn)done, user_data);
    fallback->group = g_strdup(group);
    fallback_ask(fallback);
    return &fallback->call;
}

struct naming_call *fallbacks_groups(struct fallbacks *fallbacks, naming_names_fn done,
                                     gpointer user_data)
{
    struct fallback *fallback;

    if (fallbacks->config.disk == NULL)
        return naming_proxy_groups(fallbacks->config.proxy, done, user_data);
    fallback = fallback_new(fallbacks, FALLBACK_NAMES, (fallback_done_fn)done, user_data);
    fallback_ask(fallback);
    return &fallback->call;
}

struct fallbacks *fallbacks_new(const struct fallbacks_config *config)
{
    struct fallbacks *fallbacks = g_new0(struct fallbacks, 1);

    fallbacks->config = *config;
    return fallbacks;
}

void fallbacks_free(struct fallbacks *fallbacks)
{
    while (fallbacks->all.length > 0)
        fallback_free(g_queue_peek_head(&fallbacks->all));
    g_free(fallbacks);
}
