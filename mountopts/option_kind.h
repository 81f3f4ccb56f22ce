/* SPDX-License-Identifier: MIT
 *
 * The kinds of values that rows of the option table have: how one is read, checked and shown. Pure.
 */
#pragma once

#include <glib.h>

struct option_row;

struct option_kind {
    /* Reads `value` into *field, whose old value is freed. FALSE and what would be right in *why
     * (new string); *field is as it was then. */
    gboolean (*set)(const struct option_row *row, void *field, const char *value, char **why);
    /* The value in force, as it could be given: new NULL-terminated array, one entry unless the
     * option can be repeated. */
    char **(*show)(const void *field);
};

/* A row of the table in option_table.c. */
struct option_row {
    const char *name;
    const struct option_kind *kind;
    gsize offset;         /* of the field in struct mount_options */
    const char *fallback; /* default as a user would write it; NULL = none, or computed */
    guint min, max;       /* of numbers */
    const char *argument; /* what --help shows behind '='; NULL = takes no value */
    const char *help;
};

extern const struct option_kind option_text;      /* char *: not empty, no control byte */
extern const struct option_kind option_file;      /* char *: a path, made absolute */
extern const struct option_kind option_list;      /* char **: each as option_text, added */
extern const struct option_kind option_ip;        /* char *: IPv4 or IPv6 in inet_ntop's spelling */
extern const struct option_kind option_cache_dir; /* char *: the same, or "none" */
extern const struct option_kind option_clusters; /* char *: [0-9a-zA-Z-]+, comma separated, or "" */
extern const struct option_kind option_listen;   /* char *: ADDR:PORT, [IPv6]:PORT */
extern const struct option_kind option_log_level; /* char *: one of four words */
extern const struct option_kind option_push;      /* gboolean: udp or off */
extern const struct option_kind option_flag;      /* gboolean: "true" or "false" */
extern const struct option_kind option_number;    /* guint, decimal */
extern const struct option_kind option_id;        /* uid_t or gid_t, decimal */
extern const struct option_kind option_octal;     /* mode_t, octal */
extern const struct option_kind option_size;      /* gsize: decimal and K, M or G */
