/* SPDX-License-Identifier: MIT
 *
 * Large replies of instance/list, taken apart beside the loop: 100,000 hosts take more than a
 * second of parsing and sorting. One GTask thread at a time gets the bytes and the name of the
 * service, makes a snapshot of them and hands it over whole; it shares nothing with the loop, so
 * there is no lock and the snapshot's reference count needs none. Called on one thread, whose
 * thread-default main context gets the results.
 */
#pragma once

#include "naming/service_info.h"

#define PARSE_WORKER_FROM                                                                          \
    (1024 * 1024) /* bytes; a smaller reply takes the loop less than 100 ms                        \
                   */

struct parse_worker;
struct parse_job;

/* `info`: new reference, owned by the callee; NULL if the text makes no sense, for which `why`
 * (borrowed) is the reason. May free the worker. */
typedef void (*parse_done_fn)(struct service_info *info, const char *why, gpointer user_data);

struct parse_worker *parse_worker_new(void);
/* Never waits: what a thread is busy with is dropped when it comes to its end. */
void parse_worker_free(struct parse_worker *worker);

/* `text`: owned by the callee in any case, to be freed by g_free. `key`: the service asked for; it
 * is copied. Jobs are done in order. `done` is called once, never before this returned. NULL if so
 * much is waiting already that this would get its turn too late (128 MiB). */
struct parse_job *parse_worker_add(struct parse_worker *worker, char *text, gsize length,
                                   const struct service_key *key, parse_done_fn done,
                                   gpointer user_data);
void parse_job_cancel(struct parse_job *job); /* without `done` */
