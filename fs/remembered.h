/* SPDX-License-Identifier: MIT
 *
 * Registrations that outlive the mount: persistent ones and, with keep_registered, ephemeral ones.
 * They are written down in cache_dir/.nacosfs, one a line, and the next mount of the same SOURCE
 * and namespace takes them over: it beats the ephemeral ones, and all of them are its own. Leases
 * never outlive their descriptor. Mounts may share the directory: each has a file of its own and a
 * lock on it for as long as it lives, and takes over only files that nobody holds.
 */
#pragma once

#include "fs/fs.h"

struct remembered;

/* Takes over what is left from mounts that ended, unless this is a new daemon of the same mount
 * (`again`): then the registrations are known already. Before anybody can look at the tree. NULL
 * with cache_dir=none. */
struct remembered *remembered_new(struct fs *fs, gboolean again);
/* The registrations are to be written down soon. Safe with NULL. */
void remembered_changed(struct remembered *remembered);
/* Hands the client what is to be written last: before the registrations go. Safe with NULL. */
void remembered_end(struct remembered *remembered);
/* Lets go of the file: after naming_free, which has written it. Safe with NULL. */
void remembered_free(struct remembered *remembered);
