/* SPDX-License-Identifier: MIT
 *
 * The SQLite file of persist.h: its tables and the statements that are used on them. The only file
 * that knows SQLite.
 */
#pragma once

#include <glib.h>

enum persist_statement {
    PERSIST_PUT_SERVICE,
    PERSIST_PUT_CLUSTER,
    PERSIST_PUT_INSTANCE,
    PERSIST_REMOVE_INSTANCE,
    PERSIST_REMOVE_SERVICE,
    PERSIST_REMOVE_CLUSTERS,
    PERSIST_REMOVE_INSTANCES,
    PERSIST_SERVICES,
    PERSIST_CLUSTERS,
    PERSIST_INSTANCES,
    PERSIST_BEGIN,
    PERSIST_COMMIT,
    PERSIST_ROLLBACK,
    PERSIST_STATEMENTS, /* how many */
};

struct persist_db;

/* Opens the file, makes it and its tables if needed, locks it. NULL with REGISTRY_ERROR_DISK. */
struct persist_db *persist_db_open(const char *path, GError **error);
void persist_db_close(struct persist_db *db);

/* A parameter of a statement, in the order of its question marks. */
struct persist_value {
    enum { PERSIST_TEXT, PERSIST_INT, PERSIST_DOUBLE } type;
    const char *text; /* borrowed */
    gint integer;
    double number;
};

/* Runs one that answers nothing. What it wrote outside a transaction is on disk then. FALSE with
 * REGISTRY_ERROR_DISK. */
gboolean persist_db_run(struct persist_db *db, enum persist_statement statement,
                        const struct persist_value *values, guint count, GError **error);

/* A row under the cursor; columns count from 0. */
struct persist_row;
const char *persist_row_text(struct persist_row *row, int column); /* borrowed, valid in the call */
gint persist_row_int(struct persist_row *row, int column);
double persist_row_double(struct persist_row *row, int column);

typedef void (*persist_row_fn)(struct persist_row *row, gpointer user_data);

/* Calls `fn` for each row of the answer. */
gboolean persist_db_each(struct persist_db *db, enum persist_statement statement, persist_row_fn fn,
                         gpointer user_data, GError **error);
