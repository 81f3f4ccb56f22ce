/* SPDX-License-Identifier: MIT
 *
 * Which nodes of the mount some process has an inotify watch on: what no prune tells of the root,
 * which the kernel never forgets, and of nothing where the kernel cannot prune. Asked for by a
 * thread (watch_scan.h) every five seconds, more seldom if it takes long.
 */
#pragma once

#include <glib.h>

struct watches;

/* `mountpoint`: absolute; copied. */
struct watches *watches_new(const char *mountpoint);
void watches_free(struct watches *watches);

/* Complete rounds over all processes so far; what the rest tells is the last one's. */
guint watches_rounds(const struct watches *watches);
/* A round begins within a second, or a second after the one under way. */
void watches_hurry(struct watches *watches);

/* FALSE if there may be watches that nobody can see from here: of processes that we may not read or
 * that are outside our pid namespace. */
gboolean watches_are_complete(const struct watches *watches);
gboolean watches_node(const struct watches *watches, guint64 id);
/* The root is watched, or may be (better a poll too many). */
gboolean watches_root(const struct watches *watches);
