/* SPDX-License-Identifier: MIT
 *
 * Snapshots -> the bytes of files; nacosfs(8), THE LINE. Pure.
 */
#pragma once

#include "naming/naming.h"

/* " key=value" fields of a table: the first field has no space before it if `out` is empty or ends
 * in a newline. Space, tab, newline, backslash, control bytes and invalid UTF-8 become \ooo, in the
 * key
 * '=' too. */
void render_field(GString *out, const char *key, const char *value);
void render_field_int(GString *out, const char *key, gint64 value);
/* The shortest decimal that reads back equal, without exponent for 0..10000. */
void render_weight(GString *out, double weight);

/* "ADDRESS weight=.. healthy=.. enabled=.. ephemeral=.. cluster=.. meta.k=v" and a newline. */
void render_line(GString *out, const struct instance *instance);

/* The files. New references; no hosts gives empty bytes. */
GBytes *render_instances(const struct service_info *info); /* every host, a line each */
GBytes *render_healthy(const struct service_info *info);   /* "ip:port" of the callable ones */
GBytes *render_json(const struct service_info *info);      /* ServiceInfo */
GBytes *render_host(const struct instance *instance);      /* the line without its address */
GBytes *render_pick(const struct service_info *info, double random); /* NULL: nothing to pick */
