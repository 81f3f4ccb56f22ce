/* SPDX-License-Identifier: MIT
 *
 * One file's newest bytes, their time, and how far the world has been told of them. No I/O: who
 * owns the file makes the announcement (mirror.h) and keeps the record (kept.h).
 */
#pragma once

#include <glib.h>

struct version {
    GBytes *bytes;     /* owned; NULL until there are any */
    gint64 mtime_ns;   /* wall clock, grows strictly */
    gint64 told_ns;    /* mtime_ns of what was announced last, or that nobody could watch */
    gint64 telling_ns; /* of the version whose announcement is in flight */
    gint64
        announced_at; /* monotonic us of the last announcement; 0 = none, or it is to be repeated */
    gboolean changed; /* the newest is not announced yet */
    gboolean resumed; /* an earlier daemon showed it: the bytes are still to be made */
};

/* Strictly growing time stamp: max(now, old + 1 ns), wall clock. */
gint64 version_next_mtime(gint64 old_ns);

/* No bytes yet. */
void version_init(struct version *version, gint64 mtime_ns);
/* As an earlier daemon left it: the next bytes are the ones that it showed. What it had not
 * announced is owed. */
void version_resume(struct version *version, gint64 mtime_ns, gint64 told_ns);
/* Forgets the bytes. */
void version_clear(struct version *version);

/* Takes `bytes` (the reference, too). TRUE if they are news: the time is new, and if somebody may
 * watch (`announce`) they are to be announced. */
gboolean version_take(struct version *version, GBytes *bytes, gboolean announce);
/* Nobody can be watching: nothing is owed. */
void version_settle(struct version *version);
/* Monotonic us from when on it may be announced (at most 10 times a second); 0 = at once. */
gint64 version_due(const struct version *version);
/* Its announcement goes out. */
void version_telling(struct version *version);
/* It was made, or no event can be had for it. */
void version_told(struct version *version);
/* Whoever made it died: once more, at once. */
void version_again(struct version *version);
