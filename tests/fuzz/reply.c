/* SPDX-License-Identifier: MIT
 *
 * A server's replies: no text is more than refused, and a list that was taken is given out as JSON
 * that is the same list.
 */
#include "fs/render.h"
#include "naming/codec.h"
#include "naming/instances_diff.h"
#include "tests/fuzz/fuzz.h"

static void try_list(const char *text, gsize length)
{
    g_autofree char *why = NULL;
    guint dropped = 0;
    g_autoptr(service_info) info = codec_service_info(text, length, NULL, &dropped, &why);
    g_assert_true((info == NULL) == (why != NULL));
    if (!info)
        return;
    g_autoptr(GBytes) json = render_json(info);
    g_autoptr(GBytes) lines = render_instances(info);
    g_autoptr(GBytes) healthy = render_healthy(info);
    g_assert_true((g_bytes_get_size(lines) > 0) == (info->n_hosts > 0));
    g_assert_cmpuint(g_bytes_get_size(healthy), <=, g_bytes_get_size(lines));
    gsize size;
    const char *again = g_bytes_get_data(json, &size);
    g_autoptr(service_info) back = codec_service_info(again, size, NULL, &dropped, NULL);
    g_assert_nonnull(back);
    g_assert_cmpuint(dropped, ==, 0);
    g_assert_true(instances_are_same(info, back));
}

static void try_names(const char *text, gsize length)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    struct page_size size;
    codec_service_list(text, length, names, &size, NULL);
    codec_catalog_groups(text, length, names, &size, NULL);
    for (guint i = 0; i < names->len; i++)
        g_assert_cmpuint(strlen(names->pdata[i]), >, 0);
}

static void try_others(const char *text, gsize length)
{
    struct beat_reply beat;
    struct login_reply login = {0};
    codec_beat_reply(text, length, &beat, NULL);
    codec_server_is_up(text, length);
    if (codec_login_reply(text, length, &login, NULL)) {
        g_assert_nonnull(login.token);
        g_free(login.token);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_list((const char *)data, size);
    try_names((const char *)data, size);
    try_others((const char *)data, size);
    return 0;
}
