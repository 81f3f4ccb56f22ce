/* SPDX-License-Identifier: MIT */
#include "fake_proxy.h"

static void fake_call_free(struct fake_call *call)
{
    g_ptr_array_remove(call->proxy->waiting, call);
    g_clear_pointer(&call->key, service_key_free);
    instance_clear(&call->instance);
    g_free(call);
}

static void fake_cancel(struct naming_call *call)
{
    fake_call_free((struct fake_call *)call);
}

static void fake_on_timer(gpointer user_data)
{
    struct naming_proxy *proxy = user_data;
    gint64 now = timers_now(proxy->timers);

    while (proxy->waiting->len > 0) {
        struct fake_call *call = proxy->waiting->pdata[0];

        if (call->at + proxy->latency_us > now) {
            timer_set_at(&proxy->timer, call->at + proxy->latency_us);
            return;
        }
        proxy->script(call, proxy->script_data); /* must answer */
    }
}

static struct fake_call *fake_ask(struct naming_proxy *proxy, enum fake_kind kind,
                                  fake_done_fn done, gpointer user_data)
{
    struct fake_call *call = g_new0(struct fake_call, 1);
    struct fake_entry entry = {.kind = kind, .at = timers_now(proxy->timers)};

    call->call.cancel = fake_cancel;
    call->proxy = proxy;
    call->kind = kind;
    call->at = entry.at;
    call->done = done;
    call->user_data = user_data;
    g_ptr_array_add(proxy->waiting, call);
    g_array_append_val(proxy->log, entry);
    if (proxy->script != NULL && !timer_is_set(&proxy->timer))
        timer_set(&proxy->timer, proxy->latency_us);
    return call;
}

static struct fake_entry *fake_entry_last(struct naming_proxy *proxy)
{
    return &g_array_index(proxy->log, struct fake_entry, proxy->log->len - 1);
}

static struct fake_call *fake_ask_instance(struct naming_proxy *proxy, enum fake_kind kind,
                                           const struct service_key *key,
                                           const struct instance *instance, fake_done_fn done,
                                           gpointer user_data)
{
    struct fake_call *call = fake_ask(proxy, kind, done, user_data);

    call->key = service_key_dup(key);
    instance_copy(&call->instance, instance);
    fake_entry_last(proxy)->port = instance->port;
    return call;
}

struct naming_proxy *fake_proxy_new(struct timers *timers)
{
    struct naming_proxy *proxy = g_new0(struct naming_proxy, 1);

    proxy->timers = timers;
    proxy->waiting = g_ptr_array_new();
    proxy->log = g_array_new(FALSE, TRUE, sizeof(struct fake_entry));
    proxy->server = "127.0.0.1";
    timer_init(&proxy->timer, timers, fake_on_timer, proxy);
    return proxy;
}

void fake_proxy_free(struct naming_proxy *proxy)
{
    g_assert_cmpuint(proxy->waiting->len, ==, 0); /* whoever asked has cancelled */
    timer_stop(&proxy->timer);
    g_ptr_array_unref(proxy->waiting);
    g_array_unref(proxy->log);
    g_free(proxy);
}

struct fake_call *fake_waiting(struct naming_proxy *proxy, enum fake_kind kind)
{
    for (guint i = 0; i < proxy->waiting->len; i++) {
        struct fake_call *call = proxy->waiting->pdata[i];

        if (call->kind == kind)
            return call;
    }
    return NULL;
}

guint fake_count(struct naming_proxy *proxy, enum fake_kind kind)
{
    guint count = 0;

    for (guint i = 0; i < proxy->log->len; i++)
        count += g_array_index(proxy->log, struct fake_entry, i).kind == kind;
    return count;
}

gint64 fake_last(struct naming_proxy *proxy, enum fake_kind kind)
{
    gint64 at = 0;

    for (guint i = 0; i < proxy->log->len; i++) {
        const struct fake_entry *entry = &g_array_index(proxy->log, struct fake_entry, i);

        if (entry->kind == kind)
            at = entry->at;
    }
    return at;
}

static const struct naming_result *fake_result(struct naming_result *result,
                                               enum naming_status status)
{
    *result = (struct naming_result){status, "s1:8848", status == NAMING_OK ? "" : "fake words"};
    return result;
}

void fake_answer(struct fake_call *call, enum naming_status status)
{
    struct naming_result result;
    fake_done_fn done = call->done;
    gpointer user_data = call->user_data;
    enum fake_kind kind = call->kind;

    fake_result(&result, status);
    fake_call_free(call);
    if (kind == FAKE_BEAT)
        ((naming_proxy_beat_fn)done)(&result, NULL, user_data);
    else if (kind == FAKE_LIST)
        ((naming_list_fn)done)(&result, NULL, user_data);
    else
        ((naming_done_fn)done)(&result, user_data);
}

void fake_answer_beat(struct fake_call *call, int code, gint64 interval_ms, gboolean light)
{
    struct beat_reply reply = {.code = code, .interval_ms = interval_ms, .light = light};
    struct naming_result result;
    naming_proxy_beat_fn done = (naming_proxy_beat_fn)call->done;
    gpointer user_data = call->user_data;

    fake_result(&result, NAMING_OK);
    fake_call_free(call);
    done(&result, &reply, user_data);
}

void fake_answer_list(struct fake_call *call, struct service_info *info)
{
    struct naming_result result;
    naming_list_fn done = (naming_list_fn)call->done;
    gpointer user_data = call->user_data;

    fake_result(&result, NAMING_OK);
    fake_call_free(call);
    done(&result, info, user_data);
    service_info_unref(info);
}

struct service_info *fake_info(const struct service_key *key, gint64 last_ref_time,
                               const guint *hosts)
{
    struct instance list[16];
    struct service_info *info;
    guint n = 0;

    for (; hosts[n] != 0; n++) {
        g_assert_cmpuint(n, <, G_N_ELEMENTS(list));
        instance_init(&list[n]);
        list[n].ip = g_strdup_printf("10.0.0.%u", hosts[n]);
        list[n].port = 80;
    }
    info = service_info_new(key, "", list, n);
    info->last_ref_time = last_ref_time;
    info->cache_millis = 10000;
    return info;
}

struct naming_call *naming_proxy_register(struct naming_proxy *proxy, const struct service_key *key,
                                          const struct instance *instance, naming_done_fn done,
                                          gpointer user_data)
{
    return &fake_ask_instance(proxy, FAKE_REGISTER, key, instance, (fake_done_fn)(done), user_data)
                ->call;
}

struct naming_call *naming_proxy_update(struct naming_proxy *proxy, const struct service_key *key,
                                        const struct instance *instance, naming_done_fn done,
                                        gpointer user_data)
{
    return &fake_ask_instance(proxy, FAKE_UPDATE, key, instance, (fake_done_fn)(done), user_data)
                ->call;
}

struct naming_call *naming_proxy_deregister(struct naming_proxy *proxy,
                                            const struct service_key *key,
                                            const struct instance *like, naming_done_fn done,
                                            gpointer user_data)
{
    return &fake_ask_instance(proxy, FAKE_DEREGISTER, key, like, (fake_done_fn)(done), user_data)
                ->call;
}

struct naming_call *naming_proxy_beat(struct naming_proxy *proxy, const struct service_key *key,
                                      const struct instance *instance, gint64 period_ms,
                                      gboolean light, guint timeout_ms, naming_proxy_beat_fn done,
                                      gpointer user_data)
{
    struct fake_call *call =
        fake_ask_instance(proxy, FAKE_BEAT, key, instance, (fake_done_fn)(done), user_data);

    call->light = light;
    call->period_ms = period_ms;
    call->timeout_ms = timeout_ms;
    fake_entry_last(proxy)->light = light;
    return &call->call;
}

struct naming_call *naming_proxy_list(struct naming_proxy *proxy, const struct service_key *key,
                                      guint16 udp_port, naming_list_fn done, gpointer user_data)
{
    struct fake_call *call = fake_ask(proxy, FAKE_LIST, (fake_done_fn)(done), user_data);

    call->key = service_key_dup(key);
    call->udp_port = udp_port;
    return &call->call;
}

gboolean naming_proxy_is_server(struct naming_proxy *proxy, const char *address)
{
    return g_strcmp0(proxy->server, address) == 0;
}

struct naming_proxy *naming_proxy_new(const struct naming_config *config,
                                      const struct trouble *trouble, char **why)
{
    return fake_proxy_new(timers_new_manual());
}

void naming_proxy_reload(struct naming_proxy *proxy, const struct naming_credentials *credentials)
{
    proxy->reloads++;
}

guint naming_proxy_call_metrics(struct naming_proxy *proxy, struct naming_call_metrics *rows,
                                guint room)
{
    return 0;
}

void naming_proxy_free(struct naming_proxy *proxy)
{
    struct timers *timers = proxy->timers;

    fake_proxy_free(proxy);
    timers_free(timers);
}

struct naming_call *naming_proxy_services(struct naming_proxy *proxy, const char *group,
                                          naming_names_fn done, gpointer user_data)
{
    return &fake_ask(proxy, FAKE_SERVICES, (fake_done_fn)done, user_data)->call;
}

struct naming_call *naming_proxy_group_count(struct naming_proxy *proxy, const char *group,
                                             naming_count_fn done, gpointer user_data)
{
    return &fake_ask(proxy, FAKE_GROUP_COUNT, (fake_done_fn)done, user_data)->call;
}

struct naming_call *naming_proxy_groups(struct naming_proxy *proxy, naming_names_fn done,
                                        gpointer user_data)
{
    return &fake_ask(proxy, FAKE_GROUPS, (fake_done_fn)done, user_data)->call;
}

char *naming_proxy_own_ip(struct naming_proxy *proxy)
{
    return g_strdup("192.0.2.1");
}

guint naming_proxy_servers(struct naming_proxy *proxy, struct naming_server_state *states,
                           guint room)
{
    if (room > 0)
        states[0] = (struct naming_server_state){.url = "http://s1:8848/nacos", .last_error = ""};
    return 1;
}

guint64 naming_proxy_hosts_dropped(const struct naming_proxy *proxy)
{
    return 0;
}

guint naming_proxy_in_flight(struct naming_proxy *proxy)
{
    return proxy->waiting->len;
}
