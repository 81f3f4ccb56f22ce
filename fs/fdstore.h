/* SPDX-License-Identifier: MIT
 *
 * systemd's descriptor store (sd_notify(3) FDSTORE=1, sd_listen_fds(3)): where the mount's
 * descriptors lie while neither keeper nor daemon lives. Nothing happens where there is no service
 * manager.
 */
#pragma once

#include <glib.h>

/* Puts both there under the names "fuse" and "state" (never polled by the manager: that costs every
 * request a wake-up), and says READY=1. */
void fdstore_put(int fuse, int state);
/* Those that lie there for us, close-on-exec, at CHILD_SAFE_FD or above; FALSE if they do not. The
 * environment forgets them. */
gboolean fdstore_take(int *fuse, int *state);
/* The mount has ended: the store is emptied. */
void fdstore_remove(void);
