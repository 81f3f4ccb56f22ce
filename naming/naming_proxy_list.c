/* SPDX-License-Identifier: MIT
 *
 * The calls that read: the instances of a service, and the paged listings of names.
 */
#include "naming/codec.h"
#include "naming/naming_proxy_call.h"

#include <string.h>

#define PAGE_SIZE 1000
#define NAMES_MAX 1000000 /* a server that never ends a listing fills memory no further */

/* --- instance/list --- */

struct list_call {
    struct proxy_call base;
    struct service_key *key;
    struct service_info *info;
    naming_list_fn done;
};

static void list_clear(struct proxy_call *base)
{
    struct list_call *call = (struct list_call *)base;
    service_key_free(call->key);
    service_info_unref(call->info);
}

static gboolean decode_list(const char *body, gsize length, gpointer user_data, char **why)
{
    struct list_call *call = user_data;
    call->info = codec_service_info(body, length, call->key, NULL, why);
    return call->info != NULL;
}

static void take_list(struct service_info *info, gpointer user_data)
{
    struct list_call *call = user_data;
    call->info = info;
}

static void on_listed(const struct naming_result *result, gpointer user_data)
{
    struct list_call *call = user_data;
    call->base.request = NULL;
    proxy_call_ended(&call->base);
    if (call->info != NULL)
        call->base.proxy->transport->hosts_dropped += call->info->n_dropped;
    call->done(result, call->info, call->base.user_data);
    proxy_call_free(&call->base);
}

struct naming_call *naming_proxy_list(struct naming_proxy *proxy, const struct service_key *key,
                                      guint16 udp_port, naming_list_fn done, gpointer user_data)
{
    struct list_call *call = proxy_call_new(proxy, sizeof *call, list_clear, user_data);
    g_autoptr(GString) query = proxy_query(proxy, key);
    http_form_add(query, "groupName", key->group);
    http_form_add(query, "clusters", proxy->clusters);
    g_string_append_printf(query, "&udpPort=%u&healthyOnly=false", udp_port);
    struct naming_request_spec spec = {
        .call = NAMING_CALL_LIST,
        .method = "GET",
        .path = "/v1/ns/instance/list",
        .query = query->str,
        .client_ip = TRUE,
        .deadline = call->base.deadline,
        .attempt_ms = PROXY_ATTEMPT_MS,
        .service = key,
        .take = take_list,
    };
    call->key = service_key_dup(key);
    call->done = done;
    call->base.request = naming_request_send(proxy->transport, &spec, decode_list, on_listed, call);
    return &call->base.call;
}

/* --- listings of names --- */

struct names_call {
    struct proxy_call base;
    gboolean catalog; /* groups of catalog/services, else services of service/list */
    char *group;      /* of service/list */
    guint page;       /* 1-based, the one asked for */
    guint page_size;
    struct page_size came;
    guint seen; /* rows of all pages so far */
    GHashTable *names;
    naming_names_fn done; /* one of the two */
    naming_count_fn count_done;
};

static void names_clear(struct proxy_call *base)
{
    struct names_call *call = (struct names_call *)base;
    g_free(call->group);
    g_hash_table_unref(call->names);
}

static gboolean decode_names(const char *body, gsize length, gpointer user_data, char **why)
{
    struct names_call *call = user_data;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    gboolean good = call->catalog ? codec_catalog_groups(body, length, names, &call->came, why)
                                  : codec_service_list(body, length, names, &call->came, why);
    for (guint i = 0; good && i < names->len; i++)
        g_hash_table_add(call->names, g_strdup(names->pdata[i]));
    return good;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void report(struct names_call *call, const struct naming_result *result)
{
    gboolean good = result->status == NAMING_OK;
    if (call->count_done != NULL) {
        call->count_done(result, good ? call->came.count : 0, call->base.user_data);
    } else if (!good) {
        call->done(result, NULL, call->base.user_data);
    } else {
        guint n;
        g_autofree gpointer *names = g_hash_table_get_keys_as_array(call->names, &n);
        qsort(names, n, sizeof *names, compare_names);
        call->done(result, (const char *const *)names, call->base.user_data);
    }
}

static void ask_page(struct names_call *call);

/* TRUE if a further page can bring something. 2.x pages through a hash table that may change
 * meanwhile, so pages overlap or skip: what all of them named together is the answer. */
static gboolean more(struct names_call *call)
{
    call->seen += call->came.rows;
    return call->done != NULL && call->came.rows > 0 && call->seen < call->came.count &&
           call->seen < NAMES_MAX;
}

static void on_page(const struct naming_result *result, gpointer user_data)
{
    struct names_call *call = user_data;
    struct naming_result end = *result;
    call->base.request = NULL;
    if (result->status == NAMING_OK && more(call)) {
        if (g_get_monotonic_time() < call->base.deadline) {
            call->page++;
            ask_page(call);
            return;
        }
        end.status = NAMING_TIMEOUT;
        end.text = "a listing of too many pages";
    }
    proxy_call_ended(&call->base);
    report(call, &end);
    proxy_call_free(&call->base);
}

static void ask_page(struct names_call *call)
{
    struct naming_proxy *proxy = call->base.proxy;
    g_autoptr(GString) query = g_string_new(NULL);
    http_form_add(query, "namespaceId", proxy->namespace_id);
    if (call->catalog)
        g_string_append(query,
                        "&hasIpCount=false&withInstances=false&serviceNameParam=&groupNameParam=");
    else
        http_form_add(query, "groupName", call->group);
    g_string_append_printf(query, "&pageNo=%u&pageSize=%u", call->page, call->page_size);
    struct naming_request_spec spec = {
        .call = call->catalog ? NAMING_CALL_GROUPS : NAMING_CALL_SERVICES,
        .method = "GET",
        .path = call->catalog ? "/v1/ns/catalog/services" : "/v1/ns/service/list",
        .query = query->str,
        .deadline = call->base.deadline,
        .attempt_ms = PROXY_ATTEMPT_MS,
    };
    call->base.request = naming_request_send(proxy->transport, &spec, decode_names, on_page, call);
}

static struct names_call *names_call_new(struct naming_proxy *proxy, gpointer user_data)
{
    struct names_call *call = proxy_call_new(proxy, sizeof *call, names_clear, user_data);
    call->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    call->page = 1;
    call->page_size = PAGE_SIZE;
    return call;
}

struct naming_call *naming_proxy_services(struct naming_proxy *proxy, const char *group,
                                          naming_names_fn done, gpointer user_data)
{
    struct names_call *call = names_call_new(proxy, user_data);
    call->group = g_strdup(group);
    call->done = done;
    ask_page(call);
    return &call->base.call;
}

struct naming_call *naming_proxy_group_count(struct naming_proxy *proxy, const char *group,
                                             naming_count_fn done, gpointer user_data)
{
    struct names_call *call = names_call_new(proxy, user_data);
    call->group = g_strdup(group);
    call->page_size = 1;
    call->count_done = done;
    ask_page(call);
    return &call->base.call;
}

struct naming_call *naming_proxy_groups(struct naming_proxy *proxy, naming_names_fn done,
                                        gpointer user_data)
{
    struct names_call *call = names_call_new(proxy, user_data);
    call->catalog = TRUE;
    call->done = done;
    ask_page(call);
    return &call->base.call;
}
