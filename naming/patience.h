/* SPDX-License-Identifier: MIT
 *
 * How long to wait for a server before files are believed. As long as none has answered since the
 * client began, half a second from the first question on; later the ordinary time-outs do.
 */
#pragma once

#include "naming/naming_proxy.h"
#include "naming/timers.h"

#define PATIENCE_US (500 * 1000)

struct patience {
    struct naming_proxy *proxy; /* borrowed */
    struct timers *timers;      /* borrowed */
    gint64 first;               /* us; when it was first asked for; 0 = not yet */
    gboolean answered;          /* a server has */
};

/* us; when to look at the files if there is no answer; -1 = not at all before a request has ended.
 */
gint64 patience_end(struct patience *patience);
