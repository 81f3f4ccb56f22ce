/* SPDX-License-Identifier: MIT
 *
 * A datagram of anybody: it never grows beyond the limit, and never crashes.
 */
#include "naming/codec.h"
#include "naming/gunzip.h"
#include "tests/fuzz/fuzz.h"

#define LIMIT (4 * 1024 * 1024)

static void try_packet(const char *text, gsize length)
{
    struct push_packet packet = {0};
    guint dropped;
    if (!codec_push_packet(text, length, &packet, NULL))
        return;
    g_autofree char *ack = codec_push_ack("push-ack", packet.last_ref_time);
    g_assert_cmpuint(strlen(ack), <,
                     128 + strlen(packet.last_ref_time ? packet.last_ref_time : ""));
    if (packet.data)
        service_info_unref(
            codec_service_info(packet.data, strlen(packet.data), NULL, &dropped, NULL));
    push_packet_clear(&packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    gsize length;
    if (!gunzip_is_gzip(text, size)) {
        try_packet(text, size);
        return 0;
    }
    g_autofree char *plain = gunzip(text, size, LIMIT, &length, NULL);
    if (plain) {
        g_assert_cmpuint(length, <=, LIMIT);
        try_packet(plain, length);
    }
    return 0;
}
