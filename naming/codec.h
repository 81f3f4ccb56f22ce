/* SPDX-License-Identifier: MIT
 *
 * JSON of the Open API to and from the client's types. The only client file that includes json-c:
 * strict, UTF-8 validated, depth-limited, trailing garbage refused, converted at once to compact
 * structs. No I/O. Every decoder returns NULL/FALSE and a one-line reason in *why (new string, may
 * be asked for with NULL) when the text is not what it should be: then nothing of it is used.
 * Single hosts that make no sense (port out of range, weight not a number, no ip) are left out and
 * counted.
 */
#pragma once

#include "naming/naming_proxy.h"

/* ServiceInfo of /instance/list and of a push's data. `expected`: the service asked for, or NULL to
 * take the name from the text; a reply about another service is refused. Accepts the name grouped
 * or not. Missing lastRefTime counts as 0. *dropped counts left-out hosts. New
 * reference. */
struct service_info *codec_service_info(const char *text, gsize length,
                                        const struct service_key *expected, guint *dropped,
                                        char **why);

gboolean codec_beat_reply(const char *text, gsize length, struct beat_reply *reply, char **why);

/* Of one page of a listing. */
struct page_size {
    guint rows;  /* in the page, with those whose name is of no use */
    guint count; /* in all, as the server says */
};

/* {"count":N,"doms":[...]}: appends the names (new strings) to `names`, but for empty ones and such
 * with a NUL, which no file can have. */
gboolean codec_service_list(const char *text, gsize length, GPtrArray *names,
                            struct page_size *size, char **why);
/* {"count":N,"serviceList":[{"name","groupName",...}]}: appends each groupName, the same way. */
gboolean codec_catalog_groups(const char *text, gsize length, GPtrArray *groups,
                              struct page_size *size, char **why);

/* Reply of GET /operator/metrics: {"status":"UP",...}. */
gboolean codec_server_is_up(const char *text, gsize length);

/* {"accessToken":"...","tokenTtl":18000,...} of a log-in. */
struct login_reply {
    char *token;  /* owned; not empty, printable ASCII */
    gint64 ttl_s; /* 5 hours if it is missing */
};
gboolean codec_login_reply(const char *text, gsize length, struct login_reply *reply, char **why);

/* A weight as Java writes it: the shortest decimal that reads back equal, with a point. New string.
 */
char *codec_weight(double weight);

/* BeatInfo JSON for a full beat (serviceName grouped). New string. */
char *codec_beat_info(const struct service_key *key, const struct instance *instance,
                      gint64 period_ms);
/* {"k":"v",...} for the metadata parameter; "{}" for none. New string. */
char *codec_metadata(char *const *metadata);

/* A push datagram, already unpacked: {"type","data","lastRefTime"}. */
struct push_packet {
    char *type;          /* owned; "dom", "service", "dump", ... */
    char *data;          /* owned; JSON text, NULL if absent */
    char *last_ref_time; /* owned; decimal digits as sent, for the ack; NULL if absent */
};
gboolean codec_push_packet(const char *text, gsize length, struct push_packet *packet, char **why);
void push_packet_clear(struct push_packet *packet);
/* {"type": "push-ack", "lastRefTime":"...", "data":""}; `type` is the ack's. New string. */
char *codec_push_ack(const char *type, const char *last_ref_time);
