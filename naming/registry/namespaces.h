/* SPDX-License-Identifier: MIT
 *
 * The names that operators give to namespaces. A namespace needs none: it is there as soon as it
 * has a service. They last until the server ends.
 */
#pragma once

#include <glib.h>

#define NAMESPACES_MAX 1000
#define NAMESPACES_MAX_NAME 256 /* bytes of a name */

struct namespaces;

struct namespaces *namespaces_new(void);
void namespaces_free(struct namespaces *namespaces);

/* FALSE if it is there already, if id or name cannot be one, or if there are too many. */
gboolean namespaces_create(struct namespaces *namespaces, const char *id, const char *name);
/* Names it anew; FALSE for a name that cannot be one. */
gboolean namespaces_rename(struct namespaces *namespaces, const char *id, const char *name);
void namespaces_remove(struct namespaces *namespaces, const char *id);

/* Borrowed; `id` itself if nobody named it. */
const char *namespaces_name(const struct namespaces *namespaces, const char *id);
/* Ids of those that were created or named, in no order; the list is new, the ids are borrowed. */
GList *namespaces_ids(const struct namespaces *namespaces);
