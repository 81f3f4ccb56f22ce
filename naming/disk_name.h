/* SPDX-License-Identifier: MIT
 *
 * How the Java client names the file of a service's list (ServiceInfo.getKeyEncoded): "GROUP@@NAME"
 * as java.net.URLEncoder writes it, then, of a list of some clusters, "@@" and their names as they
 * are. No name can leave its directory: one has "%40%40" in it, and '/' is always "%2F". Pure.
 */
#pragma once

#include "naming/service_info.h"

#define DISK_NAME_MAX 255 /* bytes, NAME_MAX */

/* However long. New string. */
char *disk_name_whole(const struct service_key *key, const char *clusters);

/* One that would be longer than DISK_NAME_MAX, which no Java client can write, is its first 200
 * bytes, '~' (which URLEncoder never leaves) and 16 hex digits of the SHA-256 of the whole. New
 * string. */
char *disk_name(const struct service_key *key, const char *clusters);
gboolean disk_name_is_short(const char *name); /* made so by disk_name, as far as one can see */

/* The service of a file's name, which may also be "GROUP@@NAME" as it is (the failover files that
 * 1.4 can read); *clusters gets what follows it, "" for all (new string). NULL if it is none's, or
 * shortened: then only the file itself can tell (disk_list_key). New. */
struct service_key *disk_name_parse(const char *name, char **clusters);
