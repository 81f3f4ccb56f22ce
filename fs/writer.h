/* SPDX-License-Identifier: MIT
 *
 * What is written: cut into lines, each parsed and carried out at the server in turn. A write is
 * answered when its last whole line is; at the first that fails it ends with the bytes before that
 * line, or with the line's errno if it is the first. No FUSE calls.
 */
#pragma once

#include "fs/handle.h"

struct writer_job;

/* `consumed`: bytes of this write that count; all of them if error is 0. */
typedef void (*writer_fn)(gpointer user_data, int error, gsize consumed);

/* Takes `size` bytes written to `handle`. With `end` (and size 0) the unfinished line is carried
 * out: the file is being closed. `fn` is called once, maybe before this returns NULL; otherwise the
 * job can be cancelled. Reasons of errors are in `.nacos/errors`. */
struct writer_job *writer_begin(struct handle *handle, const char *data, gsize size, gboolean end,
                                writer_fn fn, gpointer user_data);
/* `fn` is not called. *consumed (if asked for) gets the bytes of lines done already. */
void writer_cancel(struct writer_job *job, gsize *consumed);
