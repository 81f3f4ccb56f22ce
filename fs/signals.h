/* SPDX-License-Identifier: MIT
 *
 * Which of a caller's signals ask for the end of its system call. The kernel sends FUSE_INTERRUPT
 * for any signal with a handler and cannot start the call again (fs/fuse/dev.c), whatever
 * SA_RESTART says: a shell whose background job ends, or Go's runtime with its SIGURG, would see
 * EINTR.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* FALSE if what the text of /proc/TID/status has pending and not blocked is signals alone whose
 * default is to be ignored (signal(7)). TRUE without any (the freezer wants the thread, say) and if
 * the text does not tell. */
gboolean signals_in_status(const char *text);

/* The same for a thread as our pid namespace knows it; reads one file of /proc. TRUE for 0 (it is
 * of another namespace) and for one that is gone. */
gboolean signals_interrupt(pid_t tid);
