/* SPDX-License-Identifier: MIT
 *
 * What anybody sends to nacos-registry: parameters, metadata, selectors.
 */
#include "naming/registry/datagram.h"
#include "naming/registry/json_in.h"
#include "naming/registry/label_selector.h"
#include "naming/registry/metadata.h"
#include "naming/registry/params.h"
#include "tests/fuzz/fuzz.h"

/* What a request is taken apart into is valid UTF-8 (params.h). */
static void try_texts(const char *text, gsize length)
{
    if (!g_utf8_validate(text, (gssize)length, NULL))
        return;
    g_autofree char *whole = g_strndup(text, length);
    g_auto(registry_metadata) metadata = {0};
    g_auto(label_selector) selector = {0};
    guint64 sequence;
    if (metadata_parse(whole, &metadata, NULL)) {
        g_auto(registry_metadata) back = {0};
        g_assert_true(metadata_parse(metadata.json, &back, NULL));
        g_assert_cmpstr(back.json, ==, metadata.json);
    }
    label_selector_parse(whole, &selector, NULL);
    datagram_parse_ack(text, length, &sequence);
}

static void try_form(const char *text, gsize length)
{
    g_autoptr(registry_params) params = params_new();
    g_autoptr(GError) error = NULL;
    double weight;
    int port;
    g_assert_true(params_add_form(params, text, length, &error) == !error);
    const char *ip = params_get(params, "ip");
    g_assert_true(!ip || g_utf8_validate(ip, -1, NULL));
    params_bool(params, "healthy", FALSE);
    params_int(params, "port", &port, NULL);
    params_double(params, "weight", &weight, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(json_object) json = json_in_parse((const char *)data, size);
    try_form((const char *)data, size);
    try_texts((const char *)data, size);
    return 0;
}
