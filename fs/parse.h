/* SPDX-License-Identifier: MIT
 *
 * The line that users write (nacosfs(8), THE LINE) -> instances. Pure, locale-independent, no
 * shell. Each parser gets one line without its newline and answers FALSE with a one-line reason in
 * *why (new string) for anything it does not understand: an unknown or repeated key, a CR, invalid
 * UTF-8, a control byte, a bad number, a cluster name that no server takes ([0-9a-zA-Z-]+). A
 * record that starts with '{' is one Instance in Nacos' JSON (instance_from_json).
 */
#pragma once

#include "naming/naming.h"

#define PARSE_MAX_LINE 65536 /* bytes; longer is EMSGSIZE, checked by the caller */

/* TRUE for what is skipped: only blanks, or '#' first. */
gboolean parse_is_blank(const char *line, gsize length);

/* A whole record: address and attributes, what is not named has its default. `own_ip` for ":8080",
 * may be NULL. *instance holds nothing before; it is written only on TRUE (so zero one that g_auto
 * clears).
 */
gboolean parse_instance(const char *line, gsize length, const char *own_ip,
                        struct instance *instance, char **why);

/* What deregister takes: the address, optionally cluster= ; other known attributes are accepted and
 * have no effect (a line of `instances` can be written as it is). *has_cluster tells whether
 * cluster= was there. */
gboolean parse_target(const char *line, gsize length, const char *own_ip, struct instance *instance,
                      gboolean *has_cluster, char **why);

/* The content of hosts/ADDRESS: attributes only, merged into *instance; "-meta.KEY" removes a key.
 * cluster= must equal the one it has. On FALSE *instance is as it was. */
gboolean parse_attributes(const char *line, gsize length, struct instance *instance, char **why);
