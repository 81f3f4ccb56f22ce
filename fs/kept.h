/* SPDX-License-Identifier: MIT
 *
 * What of the model stands in the state (state.h), record by record, so that the next daemon finds
 * it (restore.h). Each call brings a record in line with what it stands for, making it first if
 * there is none; nothing is written where nothing has changed. To be called after a change and
 * before anybody hears of it.
 *
 * The words of each type, in their order, and its bytes:
 *
 *   ROOT          answered, mtime
 *   GROUP         flags, mtime; name
 *   SERVICE       flags and formats shown, mtime, group, opened, mtimes of its rendered files that
 *                 are not held and of hosts/; name
 *   CONTENT       index of the file, mtime, mtime that was announced last; id is the service's
 *   HOST          service, flags, mtime, mtime that was announced last; file name
 *   CLUSTER       flags and files not announced yet, mtimes of its files and of clusters/, its id;
 *                 name; id is the service's
 *   FORMAT        mtime; id is the format
 *   RENDERED      format, flags, mtime, mtime that was announced last; id is the service's
 *   VIEW          until when it counts, instances; version and what is served (pack.h); id is the
 * service's LIST          none; what the server said, if that is another list; id is the service's
 *   OVERLAY       since, until, gone; instance (pack.h); id is the service's
 *   REGISTRATION  service, since, ending, when the next beat is due, lease; instance
 *   NODE          times looked up, owner, kind and flags, prunes outlived; name (tree.c)
 *   HANDLE        node, unique of its OPEN, snapshot, flags, poll handle, mtime of what it gives;
 *                 what was written and read (handle_state.h)
 *   EVENT         position, service, version of the view, time; the event (events.c)
 *   ERROR         time, errno, count; path, server and text, a NUL behind each (error_log.h); id is
 *                 its number
 *   SNAPSHOT      none; the bytes of an open version
 *   OPERATION     see journal.h
 *   HELPER        none; id is the pid of a mirror helper
 *   INIT          see session_init.h
 *
 * Times are monotonic us, which is one clock for all processes; mtimes wall clock ns.
 */
#pragma once

#include "fs/fs.h"
#include "fs/state.h"

struct cluster;
struct content_file;
struct error_entry;
struct format_directory;
struct group;
struct handle;
struct host;
struct hosts;
struct registered;
struct rendered;
struct service;

enum kept_flag {
    KEPT_VISIBLE = 1 << 0,
    KEPT_KNOWN = 1 << 1,
    KEPT_PINNED = 1 << 2,
    KEPT_HIDDEN = 1 << 3,     /* service */
    KEPT_SUBSCRIBED = 1 << 4, /* service */
    KEPT_ANSWERED = 1 << 5,   /* group: it was listed */
    KEPT_WANTED = 1 << 6,     /* host */
    KEPT_CREATED = 1 << 7,    /* host, handle */
    KEPT_INTERESTED = 1 << 8, /* handle */
    KEPT_WROTE = 1 << 9,      /* handle */
    KEPT_POLLED = 1 << 10,    /* handle */
    KEPT_READ = 1 << 11,      /* rendered */
};

#define KEPT_FORMATS_SHIFT 16 /* service: above the flags, a bit a format */
#define KEPT_OWED_SHIFT 16    /* cluster: the same, a bit a content file */

void kept_root(struct fs *fs);
void kept_group(struct group *group);
void kept_service(struct service *service);
void kept_content(struct content_file *content);
void kept_host(const struct hosts *hosts, struct host *host);
void kept_cluster(struct cluster *cluster);
void kept_format(struct format_directory *directory);
void kept_rendered(struct rendered *rendered);
/* What is served, and the server's list where that is another one; or none of both. */
void kept_view(struct service *service);
/* Only until when it counts. */
void kept_list_until(struct service *service);
void kept_overlay(struct service *service);
void kept_registration(struct fs *fs, struct registered *registration);
/* Only when its next beat is due. */
void kept_registration_beat(struct registered *registration);
/* Its words. */
void kept_handle(struct handle *handle);
/* And what was written and read (handle_state.h). */
void kept_handle_state(struct handle *handle);
/* One line of .nacos/errors; with a count of 0 it goes. */
void kept_error(struct fs *fs, struct error_entry *entry);
void kept_helper(struct fs *fs, pid_t pid, gboolean alive);

/* Removes the record; NULL in *record is allowed. */
void kept_drop(struct fs *fs, struct record **record);
