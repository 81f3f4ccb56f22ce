/* SPDX-License-Identifier: MIT
 *
 * Requests, failures and latency by server and kind of call: counters that only grow, also when the
 * server list changes. Pure: no I/O, no clock.
 */
#pragma once

#include "naming/naming.h"

struct call_metrics;

struct call_metrics *call_metrics_new(void);
void call_metrics_free(struct call_metrics *metrics);

/* An attempt went out to `server` ("HOST:PORT", copied). */
void call_metrics_asked(struct call_metrics *metrics, const char *server,
                        enum naming_call_kind kind);
/* It ended; `latency_us` < 0 = without an answer. */
void call_metrics_ended(struct call_metrics *metrics, const char *server,
                        enum naming_call_kind kind, gboolean failed, gint64 latency_us);

/* As naming_call_metrics: in the order in which servers were first asked, then of kinds. */
guint call_metrics_rows(const struct call_metrics *metrics, struct naming_call_metrics *rows,
                        guint room);
