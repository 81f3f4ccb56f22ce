/* SPDX-License-Identifier: MIT
 *
 * The helper processes of the mirror: started, given one order each at a time, started again when
 * they die. Nothing here knows of queues; used by mirror.c alone.
 */
#pragma once

#include "fs/mirror.h"

struct mirror_pool;
struct mirror_helper;

struct mirror_pool_config {
    const char *const *argv; /* copied; of our own executable; the socket's number is appended */
    guint helpers;           /* processes that are kept ready */
    guint64 device;          /* st_dev of the mount */
    gboolean later;          /* none is started by mirror_pool_new() */
    /* An order came back: 0 or an errno, EINTR when its helper died. `order` is borrowed and not in
     * flight any more; its lane is NULL if it was forgotten. */
    void (*answered)(gpointer user_data, const struct mirror_order *order, int error);
    /* A helper was started: one is idle. */
    void (*started)(gpointer user_data);
    /* A helper with this pid lives, or is about to be reaped: until then it may have a call under
     * way. */
    void (*noted)(gpointer user_data, pid_t pid, gboolean alive);
    gpointer user_data;
};

/* NULL and a reason in *why (new string) if the first helper cannot be started. */
struct mirror_pool *mirror_pool_new(const struct mirror_pool_config *config, char **why);
/* SIGKILLs all, waits 200 ms at most for those that can die. */
void mirror_pool_free(struct mirror_pool *pool);

/* Starts those that are missing, one after the other: each takes some ms of the processor, which a
 * daemon that takes over needs for itself. */
void mirror_pool_begin(struct mirror_pool *pool);

/* Tells `noted` of all that live. */
void mirror_pool_note_all(const struct mirror_pool *pool);

/* NULL if all are busy or dead. Borrowed until the loop runs again. */
struct mirror_helper *mirror_pool_idle(const struct mirror_pool *pool);
/* Sends the order to an idle helper. `path` is owned by the callee. */
void mirror_pool_order(struct mirror_helper *helper, enum mirror_op op, struct mirror_lane *lane,
                       char *path);
/* The lane goes: its order stays in flight without it. */
void mirror_pool_forget(struct mirror_helper *helper);

/* The living or not yet reaped helper with this pid, NULL if it is none. */
struct mirror_helper *mirror_pool_find(const struct mirror_pool *pool, pid_t pid);
/* Its order, NULL if it is idle or the order was forgotten. */
const struct mirror_order *mirror_pool_get_order(const struct mirror_helper *helper);
