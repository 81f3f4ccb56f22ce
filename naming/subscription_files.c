/* SPDX-License-Identifier: MIT
 *
 * The part of subscription.h about lists that no server has sent: the disk cache's for as long as
 * none has answered, those that an earlier client held, and the failover's whatever servers answer.
 * Every function here that tells of a list may end the subscription: the listener may do anything.
 */
#include "naming/subscription.h"

static gint64 files_now(const struct subscription *subscription)
{
    return timers_now(subscription->env->timers);
}

/* What is served now differs from `old` (NULL = nothing was). */
static void tell_change(struct subscription *subscription, struct service_info *old)
{
    const struct subscription_env *env = subscription->env;
    g_autoptr(service_info) new = service_info_ref(subscription_served(subscription));
    g_auto(instances_diff) diff;

    instances_diff_init(&diff, old, new);
    if (env->changed != NULL && (old == NULL || !instances_diff_is_empty(&diff)))
        env->changed(&new->key, old, new, env->user_data);
}

/* --- the disk cache ----------------------------------------------------------------------------
 */

static void answer_failed(struct subscription *subscription)
{
    struct naming_result result = result_copy_get(&subscription->failed);

    subscription_answer(subscription, &result);
}

static void take_disk_list(struct subscription *subscription, const struct disk_list *list)
{
    subscription->info = service_info_ref(list->info);
    subscription->source = list->info->source;
    subscription->confirmed = files_now(subscription) - list->age_us;
    subscription->stale = TRUE;
    answer_failed(subscription);
    if (subscription->failover == NULL)
        tell_change(subscription, NULL);
}

static void on_loaded(const struct disk_list *list, gpointer user_data)
{
    struct subscription *subscription = user_data;
    const struct subscription_env *env = subscription->env;
    g_autoptr(service_key) key = service_key_dup(subscription->key);

    subscription->loading = NULL;
    if (list->info != NULL && subscription->info == NULL)
        take_disk_list(subscription, list);
    else if (subscription->request == NULL && subscription->failed.status != NAMING_OK &&
             subscription_served(subscription) == NULL)
        answer_failed(subscription);
    disk_cache_complain(env->disk, key, list);
}

gboolean subscription_fall_back(struct subscription *subscription,
                                const struct naming_result *result)
{
    struct disk_cache *disk = subscription->env->disk;

    if (disk == NULL || subscription->tried)
        return subscription->loading != NULL;
    subscription->tried = TRUE;
    result_copy_set(&subscription->failed, result);
    return disk_cache_load(disk, subscription->key, on_loaded, subscription,
                           &subscription->loading);
}

/* --- the failover ------------------------------------------------------------------------------
 */

/* `list` NULL: no more. With no list of a server at hand the failover's stays, as the last known.
 */
static void set_failover(struct subscription *subscription, const struct disk_list *list)
{
    static const struct naming_result held = {NAMING_OK, "", ""};
    struct service_info *served = subscription_served(subscription);
    g_autoptr(service_info) old = served == NULL ? NULL : service_info_ref(served);

    if (list == NULL && subscription->info == NULL) {
        subscription->info = service_info_ref(subscription->failover);
        subscription->source = disk_list_failover;
        subscription->confirmed = subscription->failover_written;
        subscription->stale = TRUE;
    }
    g_clear_pointer(&subscription->failover, service_info_unref);
    if (list != NULL) {
        subscription->failover = service_info_ref(list->info);
        subscription->failover_written = files_now(subscription) - list->age_us;
    }
    subscription_answer(subscription, &held);
    tell_change(subscription, old);
}

static void on_failover_loaded(const struct disk_list *list, gpointer user_data)
{
    struct subscription *subscription = user_data;
    struct failover_reactor *reactor = subscription->env->failover;
    g_autoptr(service_key) key = service_key_dup(subscription->key);

    subscription->loading_failover = NULL;
    if (list->info != NULL && list->info->n_hosts > 0)
        set_failover(subscription, list);
    else if (subscription->failover != NULL)
        set_failover(subscription, NULL);
    failover_reactor_complain(reactor, key, list);
}

/* TRUE if it has told of a list, maybe. */
static gboolean look_at_failover(struct subscription *subscription)
{
    struct failover_reactor *reactor = subscription->env->failover;

    if (reactor == NULL)
        return FALSE;
    g_clear_pointer(&subscription->loading_failover, disk_list_cancel);
    if (failover_reactor_load(reactor, subscription->key, on_failover_loaded, subscription,
                              &subscription->loading_failover))
        return TRUE;
    if (subscription->failover == NULL)
        return FALSE;
    set_failover(subscription, NULL);
    return TRUE;
}

/* --- an earlier client's -----------------------------------------------------------------------
 */

void subscription_hold(struct subscription *subscription, struct service_info *info,
                       gint64 confirmed)
{
    if (subscription->info != NULL)
        return;
    subscription->info = service_info_ref(info);
    subscription->source = info->source;
    subscription->confirmed = confirmed;
    subscription->stale = TRUE;
}

/* --- when --------------------------------------------------------------------------------------
 */

void subscription_plan_files(struct subscription *subscription)
{
    const struct subscription_env *env = subscription->env;
    gint64 end = -1;

    if (subscription_served(subscription) != NULL || timer_is_set(&subscription->files))
        return;
    if (env->failover != NULL && failover_reactor_has(env->failover, subscription->key))
        end = files_now(subscription);
    else if (env->disk == NULL || subscription->tried)
        return;
    else
        end = env->load_at_start ? files_now(subscription) : patience_end(env->patience);
    if (end >= 0)
        timer_set_at(&subscription->files, end);
}

void subscription_switched(struct subscription *subscription)
{
    struct failover_reactor *reactor = subscription->env->failover;

    if (subscription->failover != NULL || failover_reactor_has(reactor, subscription->key))
        timer_set(&subscription->files, 0);
}

void subscription_on_files(gpointer user_data)
{
    static const struct naming_result at_start = {NAMING_OK, "", ""};
    static const struct naming_result silent = {NAMING_TIMEOUT, "",
                                                "no server has answered yet; the disk has a list"};
    struct subscription *subscription = user_data;
    gboolean at_once = subscription->env->load_at_start;

    if (!subscription->wanted || look_at_failover(subscription))
        return;
    if (subscription_served(subscription) == NULL)
        subscription_fall_back(subscription, at_once ? &at_start : &silent);
}

void subscription_drop_files(struct subscription *subscription)
{
    g_clear_pointer(&subscription->loading, disk_list_cancel);
    g_clear_pointer(&subscription->loading_failover, disk_list_cancel);
    g_clear_pointer(&subscription->failover, service_info_unref);
    result_copy_clear(&subscription->failed);
    subscription->tried = FALSE;
    timer_stop(&subscription->files);
}
