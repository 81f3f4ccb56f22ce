/* SPDX-License-Identifier: MIT
 *
 * The lines of the `events` files: one ring for all services, and readers that each go through it
 * at their own pace. A position counts the bytes ever written, so it says the same for ever; the
 * ring is one block of memory without pointers, and a reader is plain values but for a line that
 * the ring has lost meanwhile. Pure.
 */
#pragma once

#include <glib.h>

struct stream;

/* How far a reader is. */
struct stream_place {
    guint64 next;  /* position of the event to give next */
    guint32 given; /* bytes of it that were given already */
    gboolean lost; /* events were dropped before they were read: an overflow line is owed, and
                      `next` means nothing until then */
    GString *rest; /* of a line that is begun and not in the ring; goes before everything else;
                      NULL = none */
};

struct stream_reader {
    guint64 handle;  /* id of the open file */
    guint64 service; /* id; 0 = the events of all services */
    char *cluster;   /* owned by the caller; as lines have it, escaped; NULL = all clusters */
    struct stream_place place;
    GList link; /* in the stream */
};

struct stream_event {
    guint64 service; /* id */
    gint64 unix_ms;
    const char *path; /* "GROUP/SERVICE", escaped; only readers of all services get it */
    const char *verb;
    const char *line; /* ends in a newline */
};

/* `size`: bytes of the ring, a multiple of 8. */
struct stream *stream_new(gsize size);
/* Readers must be detached. NULL is fine. */
void stream_free(struct stream *stream);

/* Starts a zeroed reader (handle and service set) with what is appended from now on. */
void stream_attach(struct stream *stream, struct stream_reader *reader);
void stream_detach(struct stream *stream, struct stream_reader *reader);

/* Into a zeroed or a used one. */
void stream_place_copy(struct stream_place *to, const struct stream_place *from);
void stream_place_clear(struct stream_place *place);

/* Positions of the oldest event and behind the newest. */
guint64 stream_start(const struct stream *stream);
guint64 stream_end(const struct stream *stream);
/* An empty stream begins at that position, as another one's events did that are to be appended. */
void stream_begin_at(struct stream *stream, guint64 position);
/* A reader was put back to a place: what is not there any more is lost to it. */
void stream_check(const struct stream *stream, struct stream_reader *reader);

/* Drops the oldest events if there is no room. One of more than a quarter of the ring is lost to
 * all its readers. */
void stream_append(struct stream *stream, const struct stream_event *event);

gboolean stream_is_readable(struct stream *stream, struct stream_reader *reader);
/* Gives at most `size` bytes: as many whole lines as there are, or the part of one that fits. 0 if
 * there is nothing yet. After a loss "MS overflow", and then what comes from now on. */
gsize stream_read(struct stream *stream, struct stream_reader *reader, char *buffer, gsize size);
