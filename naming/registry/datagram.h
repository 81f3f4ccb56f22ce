/* SPDX-License-Identifier: MIT
 *
 * The bytes of Nacos' UDP push and of its acknowledgement (PushService, 1.4.8). Pure.
 */
#pragma once

#include <glib.h>

#define DATAGRAM_GZIP_FROM 1024             /* bytes of JSON from which a push is compressed */
#define DATAGRAM_MAX 65507                  /* payload of UDP over IPv4 */
#define DATAGRAM_MAX_JSON (4 * 1024 * 1024) /* what no client should have to unpack */

/* {"type":"dom","data":"<data>","lastRefTime":<sequence>}, gzip (RFC 1952) if it is long. NULL if
 * it fits in no datagram. New reference. */
GBytes *datagram_push(const char *data, guint64 sequence);

/* Reads {"type":"push-ack","lastRefTime":"<sequence>",...}, the number quoted or not. FALSE for
 * anything else. */
gboolean datagram_parse_ack(const char *text, gsize length, guint64 *sequence);
