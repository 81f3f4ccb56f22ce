/* SPDX-License-Identifier: MIT */
#include "fs/pack.h"

#include <math.h>
#include <string.h>

static void fill(struct instance *instance, const char *ip)
{
    instance_init(instance);
    instance->ip = g_strdup(ip);
    instance->port = 8080;
    instance->weight = 0.1;
    instance->enabled = FALSE;
    instance->ephemeral = FALSE;
    instance_set_metadata(instance, "zone", "cn-1");
    instance_set_metadata(instance, "note", "a b\nc\xff");
}

static void instance_comes_back(void)
{
    g_auto(instance) before = {0}, after = {0};
    fill(&before, "10.0.0.1");
    g_autoptr(GBytes) bytes = pack_instance(&before);
    g_assert_true(unpack_instance(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &after));
    g_assert_true(instance_equal(&before, &after));
}

static void instance_without_metadata_comes_back(void)
{
    g_auto(instance) before = {0}, after = {0};
    instance_init(&before);
    before.ip = g_strdup("::1");
    before.port = 1;
    g_autoptr(GBytes) bytes = pack_instance(&before);
    g_assert_true(unpack_instance(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &after));
    g_assert_true(instance_equal(&before, &after));
    g_assert_null(after.metadata);
}

static struct service_info *sample(guint n)
{
    const struct service_key key = {"DEFAULT_GROUP", "order-svc"};
    g_autofree struct instance *hosts = g_new0(struct instance, n);
    for (guint i = 0; i < n; i++) {
        g_autofree char *ip = g_strdup_printf("10.0.0.%u", i + 1);
        fill(&hosts[i], ip);
    }
    struct service_info *info = service_info_new(&key, "a,b", hosts, n);
    info->last_ref_time = 1234567890123;
    info->cache_millis = 10000;
    return info;
}

static void list_comes_back(guint n)
{
    g_autoptr(service_info) before = sample(n);
    g_autoptr(GBytes) bytes = pack_list(before);
    g_autoptr(service_info) after =
        unpack_list(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_assert_nonnull(after);
    g_assert_cmpstr(after->key.group, ==, "DEFAULT_GROUP");
    g_assert_cmpstr(after->key.name, ==, "order-svc");
    g_assert_cmpstr(after->clusters, ==, "a,b");
    g_assert_cmpint(after->last_ref_time, ==, 1234567890123);
    g_assert_cmpint(after->cache_millis, ==, 10000);
    g_assert_cmpuint(after->n_hosts, ==, n);
    for (guint i = 0; i < n; i++)
        g_assert_true(instance_equal(&before->hosts[i], &after->hosts[i]));
}

static void source_comes_back(void)
{
    g_autoptr(service_info) before = sample(1);
    before->source = "disk";
    before->written = -5; /* a file that is older than the clock */
    g_autoptr(GBytes) bytes = pack_list(before);
    g_autoptr(service_info) after =
        unpack_list(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_assert_cmpstr(after->source, ==, "disk");
    g_assert_cmpint(after->written, ==, -5);
}

static void lists_come_back(void)
{
    list_comes_back(0);
    list_comes_back(1);
    list_comes_back(100);
}

/* Whatever the bytes are, nothing outside of them is read (the sanitizers watch). */
static void damaged_bytes_do_no_harm(void)
{
    g_autoptr(service_info) info = sample(3);
    g_autoptr(GBytes) bytes = pack_list(info);
    gsize size;
    const guint8 *data = g_bytes_get_data(bytes, &size);
    for (gsize i = 0; i < size; i++) {
        g_autofree guint8 *bad = g_memdup2(data, size);
        bad[i] ^= 0xff;
        g_autoptr(service_info) flipped = unpack_list(bad, size);
        g_autoptr(service_info) cut = unpack_list(data, i);
        g_assert_true(!flipped || flipped->n_hosts <= 3);
        g_assert_true(!cut || cut->n_hosts <= 3);
    }
}

static void weight_that_is_no_number_is_damage(void)
{
    struct instance before, after;
    fill(&before, "10.0.0.1");
    before.weight = NAN;
    g_autoptr(GBytes) bytes = pack_instance(&before);
    g_assert_false(unpack_instance(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &after));
    instance_clear(&before);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pack/instance", instance_comes_back);
    g_test_add_func("/pack/no-metadata", instance_without_metadata_comes_back);
    g_test_add_func("/pack/lists", lists_come_back);
    g_test_add_func("/pack/source", source_comes_back);
    g_test_add_func("/pack/damaged", damaged_bytes_do_no_harm);
    g_test_add_func("/pack/weight", weight_that_is_no_number_is_damage);
    return g_test_run();
}
