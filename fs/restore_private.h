/* SPDX-License-Identifier: MIT
 *
 * Shared by restore.c (all of the model), restore_shown.c (the directories and their files),
 * restore_services.c (lists, by and by) and restore_requests.c (who asks the dead daemon still, and
 * what was asked of it).
 */
#pragma once

#include "fs/kept.h"
#include "fs/restore.h"
#include "fs/state.h"

/* FALSE: the record makes no sense here and is dropped. */
typedef gboolean (*restore_fn)(struct fs *fs, struct record *record);

/* Calls `restore` for every record of the type, in the order in which they stand in the state. */
void restore_each(struct fs *fs, enum record_type type, restore_fn restore);
/* Groups, services and what is in them. */
void restore_shown(struct fs *fs);
/* Puts all services to sleep (service.h) and wakes as many as a few milliseconds allow; the others
 * by and by, beside the requests. */
void restore_wake(struct fs *fs);
static inline gboolean restore_has(const struct record *record, int word, enum kept_flag flag)
{
    return (record->words[word] & flag) != 0;
}

/* The helpers of the dead daemon, and keeping note of our own. */
void restore_helpers(struct fs *fs);
