/* SPDX-License-Identifier: MIT */
#include "naming/resolver.h"

#include <gio/gio.h>

#define FRESH_US (30 * G_USEC_PER_SEC) /* Java's networkaddress.cache.ttl */
#define DOUBT_US (1 * G_USEC_PER_SEC)  /* from one look-up to the next all the same */
#define NAMES_MAX 1000                 /* remembered; an endpoint may tell ever new ones */

struct resolver {
    GHashTable *table; /* host to struct name, which owns it */
    GResolver *glib;
    GCancellable *gone; /* told that we were freed: a result finds nobody */
    resolver_ended_fn ended;
    gpointer user_data;
};

struct name {
    struct resolver *resolver;
    char *host;
    char *addresses; /* NULL = none known */
    gint64 asked;    /* monotonic us of the last look-up; 0 = never */
    gboolean asking; /* it is under way */
    gboolean doubted;
};

static void name_free(gpointer data)
{
    struct name *name = data;

    g_free(name->host);
    g_free(name->addresses);
    g_free(name);
}

struct resolver *resolver_new(resolver_ended_fn ended, gpointer user_data)
{
    struct resolver *resolver = g_new0(struct resolver, 1);

    resolver->table = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, name_free);
    resolver->glib = g_resolver_get_default();
    resolver->gone = g_cancellable_new();
    resolver->ended = ended;
    resolver->user_data = user_data;
    return resolver;
}

void resolver_free(struct resolver *resolver)
{
    g_cancellable_cancel(resolver->gone);
    g_object_unref(resolver->gone);
    g_object_unref(resolver->glib);
    g_hash_table_unref(resolver->table);
    g_free(resolver);
}

static char *name_join(GList *addresses)
{
    GString *text = g_string_new(NULL);

    for (; addresses != NULL; addresses = addresses->next) {
        g_autofree char *one = g_inet_address_to_string(addresses->data);

        if (text->len > 0)
            g_string_append_c(text, ',');
        g_string_append(text, one);
    }
    return g_string_free(text, FALSE);
}

/* `user_data` may be gone: the error says so. */
static void name_on_ended(GObject *resolver, GAsyncResult *result, gpointer user_data)
{
    struct name *name = user_data;
    g_autoptr(GError) error = NULL;
    GList *addresses = g_resolver_lookup_by_name_finish(G_RESOLVER(resolver), result, &error);

    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
    name->asking = FALSE;
    if (addresses != NULL) {
        g_free(name->addresses);
        name->addresses = name_join(addresses);
        g_resolver_free_addresses(addresses);
    }
    name->resolver->ended(name->host, name->addresses != NULL ? NULL : error->message,
                          name->resolver->user_data);
}

static void name_ask(struct name *name)
{
    struct resolver *resolver = name->resolver;

    name->asking = TRUE;
    name->doubted = FALSE;
    name->asked = g_get_monotonic_time();
    g_resolver_lookup_by_name_async(resolver->glib, name->host, resolver->gone, name_on_ended,
                                    name);
}

static gboolean name_is_idle(gpointer host, gpointer name, gpointer unused)
{
    return !((struct name *)name)->asking;
}

static struct name *name_new(struct resolver *resolver, const char *host)
{
    struct name *name = g_new0(struct name, 1);

    name->resolver = resolver;
    name->host = g_strdup(host);
    if (g_hash_table_size(resolver->table) >= NAMES_MAX)
        g_hash_table_foreach_remove(resolver->table, name_is_idle, NULL);
    g_hash_table_insert(resolver->table, name->host, name);
    return name;
}

const char *resolver_addresses(struct resolver *resolver, const char *host)
{
    struct name *name = g_hash_table_lookup(resolver->table, host);
    gint64 age;

    if (name == NULL)
        name = name_new(resolver, host);
    age = g_get_monotonic_time() - name->asked;
    if (!name->asking && (name->addresses == NULL || age > (name->doubted ? DOUBT_US : FRESH_US)))
        name_ask(name);
    return name->addresses;
}

void resolver_doubt(struct resolver *resolver, const char *host)
{
    struct name *name = g_hash_table_lookup(resolver->table, host);

    if (name != NULL)
        name->doubted = TRUE;
}
