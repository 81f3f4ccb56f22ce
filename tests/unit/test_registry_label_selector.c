/* SPDX-License-Identifier: MIT */
#include "naming/registry/label_selector.h"

/* Whether a service with that metadata, and one instance with that, is taken. */
static gboolean takes(const char *text, const char *service_metadata, const char *instance_metadata)
{
    g_auto(label_selector) selector = {0};
    g_autoptr(GError) error = NULL;
    struct store *store = store_new(0);
    struct store_change change;
    struct metadata of_service, of_instance;
    g_assert_true(metadata_parse(service_metadata, &of_service, NULL));
    g_assert_true(metadata_parse(instance_metadata, &of_instance, NULL));
    struct store_service_record made = {
        .namespace_id = "public", .service = "G@@s", .metadata = &of_service};
    struct store_record record = {
        .id = {.namespace_id = "public", .service = "G@@s", .ip = "10.0.0.1", .port = 80},
        .metadata = &of_instance};
    g_assert_true(store_create_service(store, &made, NULL));
    g_assert_true(store_register(store, &record, 0, &change, NULL));
    label_selector_parse(text, &selector, &error);
    g_assert_no_error(error);
    gboolean taken = label_selector_takes(&selector, store_service(store, "public", "G@@s"));
    store_free(store);
    metadata_clear(&of_service);
    metadata_clear(&of_instance);
    return taken;
}

#define LABEL(expression) "{\"type\":\"label\",\"expression\":\"" expression "\"}"

static void test_takes(void)
{
    static const struct {
        const char *text, *service, *instance;
        gboolean taken;
    } rows[] = {
        {NULL, "", "", TRUE},
        {"{\"type\":\"none\"}", "", "", TRUE},
        {LABEL("INSTANCE.metadata.zone = 'cn'"), "", "zone=cn", TRUE},
        {LABEL("INSTANCE.metadata.zone='cn'"), "", "a=1,zone=cn,b=2", TRUE},
        {LABEL("INSTANCE.metadata.zone = 'cn'"), "zone=cn", "", FALSE},
        {LABEL("INSTANCE.metadata.zone = 'c'"), "", "zone=cn", FALSE},
        {LABEL("INSTANCE.metadata.one = 'cn'"), "", "zone=cn", FALSE},
        {LABEL("INSTANCE.metadata.zone = 'cn'"), "", "{\"a\":\"\\\"zone\\\":\\\"cn\\\"\"}", FALSE},
        {LABEL("SERVICE.metadata.zone = 'cn'"), "zone=cn", "", TRUE},
        {LABEL("SERVICE.metadata.zone = 'cn'"), "", "zone=cn", FALSE},
        {LABEL("CONSUMER.label.zone = 'cn'"), "", "", TRUE},
        {LABEL(""), "", "", TRUE},
        {LABEL("INSTANCE.metadata.zone"), "", "", TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(takes(rows[i].text, rows[i].service, rows[i].instance), ==, rows[i].taken);
}

static void test_refuses(void)
{
    static const char *const rows[] = {"x", "[]", "{}", "{\"type\":\"cmdb\"}", "\"label\"", NULL};
    for (int i = 0; rows[i]; i++) {
        g_auto(label_selector) selector = {0};
        g_autoptr(GError) error = NULL;
        g_assert_false(label_selector_parse(rows[i], &selector, &error));
        g_assert_error(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT);
    }
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/registry/label_selector/takes", test_takes);
    g_test_add_func("/registry/label_selector/refuses", test_refuses);
    return g_test_run();
}
