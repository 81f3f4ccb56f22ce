/* SPDX-License-Identifier: MIT */
#include "naming/subscription.h"

#include "naming/fallback.h"

#define MS 1000                        /* us */
#define REFRESH_COALESCE_US (50 * MS)  /* a burst of reasons is one request */
#define REFRESH_APART_US (200 * MS)    /* from one list request of a service to its next */
#define PUSH_LATE_US (5000 * MS)       /* what a push says is that old at most */
#define PUSH_FUTURE_MS (5 * 60 * 1000) /* clocks of servers differ, but not by that much */

static gint64 subscription_now(const struct subscription *subscription)
{
    return timers_now(subscription->env->timers);
}

/* Takes what was accepted. Returns the list that it replaces, or NULL if none or if the hosts are
 * the same; *first says which. New reference. */
static struct service_info *subscription_take(struct subscription *subscription,
                                              struct service_info *info, const char *source,
                                              gboolean *first)
{
    g_auto(instances_diff) diff;
    struct service_info *old = subscription->info;

    subscription->version++;
    subscription->source = source;
    subscription->confirmed = subscription_now(subscription);
    if (info->last_ref_time > 0)
        subscription->ref_time = info->last_ref_time;
    *first = old == NULL;
    instances_diff_init(&diff, old, info);
    if (old != NULL && instances_diff_is_empty(&diff))
        return NULL;
    subscription->info = service_info_ref(info);
    return old;
}

struct service_info *subscription_served(const struct subscription *subscription)
{
    return subscription->failover != NULL ? subscription->failover : subscription->info;
}

/* What a server said anew, and the first word that is not about nothing, goes to the disk. */
static void subscription_save(const struct subscription *subscription, struct service_info *info)
{
    struct disk_cache *disk = subscription->env->disk;

    if (disk != NULL && (info->n_hosts > 0 || disk_cache_has(disk, &info->key)))
        disk_cache_save(disk, info);
}

/* May end the subscription: the listener may do anything. */
static void subscription_accept(struct subscription *subscription, struct service_info *info,
                                const char *source, gint64 asked)
{
    const struct subscription_env *env = subscription->env;
    gboolean first;
    g_autoptr(service_info) old = subscription_take(subscription, info, source, &first);

    if (first || old != NULL)
        subscription_save(subscription, info);
    gboolean shown = (first || old != NULL) && subscription->failover == NULL;
    if (env->heard != NULL)
        env->heard(info, asked, env->user_data);
    if (shown && env->changed != NULL)
        env->changed(&info->key, old, info, env->user_data);
}

/* Whether the protection against empty lists keeps what is held. The first time in a row is told;
 * whoever hears of it may end the subscription. */
static gboolean subscription_holds_back(struct subscription *subscription,
                                        const struct service_info *info, const char *source)
{
    const struct subscription_env *env = subscription->env;
    const struct service_info *held = subscription->info;
    gboolean before = subscription->protection.active;
    g_autofree char *text = NULL;
    struct naming_result result = {NAMING_REMOTE, "", ""};

    if (!env->empty_protection || !empty_protection_holds(&subscription->protection, held, info))
        return FALSE;
    text = g_strdup_printf("a %s list of %u instances, none to be called, is held back: "
                           "empty_protection keeps the last %u",
                           source, info->n_hosts, held->n_hosts);
    result.text = text;
    if (!before)
        trouble_report(&env->trouble, &info->key, &result);
    return TRUE;
}

static void subscription_schedule(struct subscription *subscription)
{
    const struct update_times times = {
        .sent = subscription->sent,
        .now = subscription_now(subscription),
        .push = subscription->env->udp_port != 0,
    };

    timer_set_at(&subscription->poll,
                 update_task_next(&subscription->task, &times, g_random_double()));
    if (!subscription->again)
        return;
    subscription->again = FALSE;
    subscription_refresh(subscription);
}

void subscription_answer(struct subscription *subscription, const struct naming_result *result)
{
    list_waits_answer(&subscription->env->waits, &subscription->waiting, result,
                      subscription_served(subscription));
}

static void subscription_answer_held(struct subscription *subscription)
{
    static const struct naming_result held = {NAMING_OK, "", ""};

    subscription_answer(subscription, &held);
}

static void subscription_failed(struct subscription *subscription,
                                const struct naming_result *result)
{
    const struct subscription_env *env = subscription->env;
    g_autoptr(service_key) key = service_key_dup(subscription->key);
    gboolean told = subscription->stale || subscription->waiting.length > 0;

    subscription->stale = TRUE;
    update_task_ended(&subscription->task, UPDATE_ERROR, 0);
    subscription_schedule(subscription);
    if (subscription_served(subscription) != NULL) /* a push came meanwhile, or a file had it */
        subscription_answer_held(subscription);
    else if (!fallback_is_due(result->status) || !subscription_fall_back(subscription, result))
        subscription_answer(subscription, result);
    if (!told)
        trouble_report(&env->trouble, key, result);
}

/* An answer that was asked for before the newest one was accepted says less than that, unless the
 * server itself dates it later. */
static gboolean subscription_is_overtaken(const struct subscription *subscription,
                                          const struct service_info *info)
{
    return subscription->info != NULL && subscription->asked_version != subscription->version &&
           info->last_ref_time <= subscription->ref_time;
}

static void subscription_listed(struct subscription *subscription,
                                const struct naming_result *result, struct service_info *info)
{
    struct subscription_env *env = subscription->env;
    gboolean overtaken = subscription_is_overtaken(subscription, info);
    struct service_info *taken = overtaken ? subscription->info : info;

    subscription->stale = FALSE;
    if (info->last_ref_time > 0) {
        env->server_clock = info->last_ref_time;
        env->server_at = subscription_now(subscription);
    }
    update_task_ended(&subscription->task, info->n_hosts > 0 ? UPDATE_HOSTS : UPDATE_EMPTY,
                      info->cache_millis);
    subscription_schedule(subscription);
    list_waits_answer(&env->waits, &subscription->waiting, result,
                      subscription->failover != NULL ? subscription->failover : taken);
    if (!overtaken && !subscription_holds_back(subscription, info, "server's"))
        subscription_accept(subscription, info, "server", subscription->sent);
}

static void subscription_end(struct subscription *subscription)
{
    subscription->env->idle(subscription, subscription->env->owner);
}

static void subscription_on_list(const struct naming_result *result, struct service_info *info,
                                 gpointer user_data)
{
    struct subscription *subscription = user_data;
    struct subscription_env *env = subscription->env;

    subscription->request = NULL;
    poll_queue_ended(&env->queue, &subscription->entry);
    if (!subscription->wanted) {
        list_waits_answer(&env->waits, &subscription->waiting, result, info);
        subscription_end(subscription);
    } else if (info == NULL) {
        subscription_failed(subscription, result);
    } else {
        subscription_listed(subscription, result, info);
    }
}

static void subscription_send(struct subscription *subscription)
{
    struct subscription_env *env = subscription->env;

    poll_queue_remove(&env->queue, &subscription->entry);
    timer_stop(&subscription->poll);
    timer_stop(&subscription->refresh);
    subscription->again = FALSE;
    subscription->asked_version = subscription->version;
    subscription->sent = subscription_now(subscription);
    env->polls++;
    subscription->request =
        naming_proxy_list(env->proxy, subscription->key, subscription->wanted ? env->udp_port : 0,
                          subscription_on_list, subscription);
}

void subscription_start(struct poll_entry *entry)
{
    subscription_send(
        (struct subscription *)((char *)entry - G_STRUCT_OFFSET(struct subscription, entry)));
}

void subscription_left(gpointer place)
{
    struct subscription *subscription = place;

    if (!subscription->wanted && subscription->waiting.length == 0)
        subscription_end(subscription);
}

static void subscription_on_poll(gpointer user_data)
{
    struct subscription *subscription = user_data;

    if (subscription->request == NULL)
        poll_queue_add(&subscription->env->queue, &subscription->entry, POLL_LANE_POLL);
}

static void subscription_on_refresh(gpointer user_data)
{
    struct subscription *subscription = user_data;

    if (subscription->request == NULL)
        poll_queue_add(&subscription->env->queue, &subscription->entry, POLL_LANE_REFRESH);
}

void subscription_refresh(struct subscription *subscription)
{
    gint64 due = MAX(subscription_now(subscription) + REFRESH_COALESCE_US,
                     subscription->sent + REFRESH_APART_US);

    if (subscription->request != NULL)
        subscription->again = TRUE; /* its answer may have been given before the reason came up */
    else if (!timer_is_set(&subscription->refresh))
        timer_set_at(&subscription->refresh, due);
}

struct subscription *subscription_new(struct subscription_env *env, const struct service_key *key)
{
    struct subscription *subscription = g_new0(struct subscription, 1);

    subscription->env = env;
    subscription->key = service_key_dup(key);
    subscription->source = "server";
    timer_init(&subscription->poll, env->timers, subscription_on_poll, subscription);
    timer_init(&subscription->refresh, env->timers, subscription_on_refresh, subscription);
    timer_init(&subscription->files, env->timers, subscription_on_files, subscription);
    return subscription;
}

void subscription_free(struct subscription *subscription)
{
    struct subscription_env *env = subscription->env;

    if (subscription->request != NULL)
        naming_call_cancel(subscription->request);
    timer_stop(&subscription->poll);
    timer_stop(&subscription->refresh);
    poll_queue_remove(&env->queue, &subscription->entry);
    poll_queue_ended(&env->queue, &subscription->entry);
    list_waits_drop(&subscription->waiting);
    subscription_drop_files(subscription);
    service_info_unref(subscription->info);
    service_key_free(subscription->key);
    g_free(subscription);
}

void subscription_want(struct subscription *subscription)
{
    if (subscription->wanted)
        return;
    subscription->wanted = TRUE;
    if (subscription->request != NULL)
        subscription->again = TRUE; /* that one subscribes to no pushes */
    else
        poll_queue_add(&subscription->env->queue, &subscription->entry, POLL_LANE_FIRST);
    subscription_plan_files(subscription);
}

void subscription_unwant(struct subscription *subscription)
{
    subscription->wanted = FALSE;
    g_clear_pointer(&subscription->info, service_info_unref);
    subscription->ref_time = 0;
    subscription->stale = FALSE;
    subscription->protection = (struct empty_protection){0};
    subscription_drop_files(subscription);
    subscription->task = (struct update_task){0};
    poll_queue_remove(&subscription->env->queue, &subscription->entry);
    timer_stop(&subscription->poll);
    timer_stop(&subscription->refresh);
    subscription_left(subscription);
}

struct naming_call *subscription_wait(struct subscription *subscription, naming_list_fn done,
                                      gpointer user_data)
{
    struct naming_call *call = list_wait_add(&subscription->env->waits, &subscription->waiting,
                                             subscription, done, user_data);

    if (subscription_served(subscription) != NULL)
        subscription_answer_held(subscription);
    else if (subscription->request == NULL && subscription->loading == NULL)
        subscription_send(subscription);
    return call;
}

static enum push_verdict subscription_judge(const struct subscription *subscription,
                                            const struct service_info *info)
{
    const struct subscription_env *env = subscription->env;
    gint64 passed_ms = (subscription_now(subscription) - env->server_at) / MS;

    if (!subscription->wanted)
        return PUSH_UNKNOWN;
    if (g_strcmp0(info->clusters, env->clusters) != 0)
        return PUSH_CLUSTERS;
    if (info->last_ref_time < subscription->ref_time)
        return PUSH_OLD;
    if (env->server_clock > 0 &&
        info->last_ref_time - PUSH_FUTURE_MS > env->server_clock + passed_ms)
        return PUSH_FUTURE;
    return PUSH_ACCEPTED;
}

enum push_verdict subscription_push(struct subscription *subscription, struct service_info *info)
{
    enum push_verdict verdict = subscription_judge(subscription, info);

    if (verdict != PUSH_UNKNOWN)
        subscription_refresh(subscription); /* TCP has the last word */
    if (verdict == PUSH_ACCEPTED && !subscription_holds_back(subscription, info, "pushed"))
        subscription_accept(subscription, info, "push",
                            subscription_now(subscription) - PUSH_LATE_US);
    return verdict;
}
