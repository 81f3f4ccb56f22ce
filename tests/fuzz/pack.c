/* SPDX-License-Identifier: MIT
 *
 * What a daemon finds in the state that an earlier one left: damaged bytes are no list, or another
 * list, and never memory that is not theirs.
 */
#include "fs/pack.h"
#include "naming/instances_diff.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_auto(instance) instance = {0};
    g_autoptr(service_info) info = unpack_list(data, size);
    if (unpack_instance(data, size, &instance)) {
        g_autoptr(GBytes) again = pack_instance(&instance);
        g_assert_cmpuint(g_bytes_get_size(again), >, 0);
    }
    if (!info)
        return 0;
    g_autoptr(GBytes) bytes = pack_list(info);
    gsize length;
    const void *packed = g_bytes_get_data(bytes, &length);
    g_autoptr(service_info) back = unpack_list(packed, length);
    g_assert_nonnull(back);
    g_assert_true(instances_are_same(info, back));
    return 0;
}
