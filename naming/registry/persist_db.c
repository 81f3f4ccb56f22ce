/* SPDX-License-Identifier: MIT */
#include "naming/registry/persist_db.h"

#include "naming/registry/errors.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#define FILE_MODE 0600 /* checkers have passwords; SQLite's other files get the same */

struct persist_db {
    sqlite3 *handle;
    sqlite3_stmt *statements[PERSIST_STATEMENTS]; /* owned */
    char *path;
};

/* The lock comes first, so that no shared memory is used. FULL: a commit waits for the disk. */
static const char set_up[] = "PRAGMA locking_mode = EXCLUSIVE;"
                             "PRAGMA journal_mode = WAL;"
                             "PRAGMA synchronous = FULL;"
                             "BEGIN EXCLUSIVE;"
                             "CREATE TABLE IF NOT EXISTS service ("
                             " namespace TEXT, name TEXT, protect_threshold REAL, metadata TEXT,"
                             " PRIMARY KEY (namespace, name)) WITHOUT ROWID;"
                             "CREATE TABLE IF NOT EXISTS cluster ("
                             " namespace TEXT, service TEXT, name TEXT, checker TEXT,"
                             " check_port INTEGER, use_instance_port INTEGER, metadata TEXT,"
                             " PRIMARY KEY (namespace, service, name)) WITHOUT ROWID;"
                             "CREATE TABLE IF NOT EXISTS instance ("
                             " namespace TEXT, service TEXT, ip TEXT, port INTEGER, cluster TEXT,"
                             " weight REAL, enabled INTEGER, healthy INTEGER, metadata TEXT,"
                             " PRIMARY KEY (namespace, service, ip, port, cluster)) WITHOUT ROWID;"
                             "COMMIT;";

static const char *const texts[PERSIST_STATEMENTS] = {
    [PERSIST_PUT_SERVICE] = "INSERT OR REPLACE INTO service VALUES (?, ?, ?, ?)",
    [PERSIST_PUT_CLUSTER] = "INSERT OR REPLACE INTO cluster VALUES (?, ?, ?, ?, ?, ?, ?)",
    [PERSIST_PUT_INSTANCE] = "INSERT OR REPLACE INTO instance VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [PERSIST_REMOVE_INSTANCE] = ("DELETE FROM instance WHERE namespace = ? AND service = ?"
                                 " AND ip = ? AND port = ? AND cluster = ?"),
    [PERSIST_REMOVE_SERVICE] = "DELETE FROM service WHERE namespace = ? AND name = ?",
    [PERSIST_REMOVE_CLUSTERS] = "DELETE FROM cluster WHERE namespace = ? AND service = ?",
    [PERSIST_REMOVE_INSTANCES] = "DELETE FROM instance WHERE namespace = ? AND service = ?",
    [PERSIST_SERVICES] = "SELECT * FROM service",
    [PERSIST_CLUSTERS] = "SELECT * FROM cluster",
    [PERSIST_INSTANCES] = "SELECT * FROM instance",
    [PERSIST_BEGIN] = "BEGIN",
    [PERSIST_COMMIT] = "COMMIT",
    [PERSIST_ROLLBACK] = "ROLLBACK",
};

static gboolean fail(struct persist_db *db, int code, GError **error)
{
    g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_DISK, "%s: %s", db->path,
                code == SQLITE_BUSY ? "in use by another process" : sqlite3_errmsg(db->handle));
    return FALSE;
}

static gboolean prepare(struct persist_db *db, GError **error)
{
    int code = sqlite3_exec(db->handle, set_up, NULL, NULL, NULL);
    for (int i = 0; code == SQLITE_OK && i < PERSIST_STATEMENTS; i++)
        code = sqlite3_prepare_v3(db->handle, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                  &db->statements[i], NULL);
    return code == SQLITE_OK || fail(db, code, error);
}

static gboolean make_file(const char *path, GError **error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (fd >= 0) {
        close(fd);
        return TRUE;
    }
    g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_DISK, "%s: %s", path, g_strerror(errno));
    return FALSE;
}

struct persist_db *persist_db_open(const char *path, GError **error)
{
    if (!make_file(path, error))
        return NULL;
    struct persist_db *db = g_new0(struct persist_db, 1);
    db->path = g_strdup(path);
    int code = sqlite3_open(path, &db->handle);
    if (code == SQLITE_OK ? prepare(db, error) : fail(db, code, error))
        return db;
    persist_db_close(db);
    return NULL;
}

void persist_db_close(struct persist_db *db)
{
    if (!db)
        return;
    for (int i = 0; i < PERSIST_STATEMENTS; i++)
        sqlite3_finalize(db->statements[i]);
    sqlite3_close(db->handle);
    g_free(db->path);
    g_free(db);
}

static void bind(sqlite3_stmt *statement, const struct persist_value *values, guint count)
{
    for (guint i = 0; i < count; i++) {
        if (values[i].type == PERSIST_TEXT)
            sqlite3_bind_text(statement, i + 1, values[i].text, -1, SQLITE_STATIC);
        else if (values[i].type == PERSIST_INT)
            sqlite3_bind_int(statement, i + 1, values[i].integer);
        else
            sqlite3_bind_double(statement, i + 1, values[i].number);
    }
}

gboolean persist_db_run(struct persist_db *db, enum persist_statement statement,
                        const struct persist_value *values, guint count, GError **error)
{
    sqlite3_stmt *prepared = db->statements[statement];
    bind(prepared, values, count);
    int code = sqlite3_step(prepared);
    gboolean done = code == SQLITE_DONE || fail(db, code, error);
    sqlite3_reset(prepared);
    sqlite3_clear_bindings(prepared);
    return done;
}

const char *persist_row_text(struct persist_row *row, int column)
{
    const unsigned char *text = sqlite3_column_text((sqlite3_stmt *)row, column);
    return text ? (const char *)text : "";
}

gint persist_row_int(struct persist_row *row, int column)
{
    return sqlite3_column_int((sqlite3_stmt *)row, column);
}

double persist_row_double(struct persist_row *row, int column)
{
    return sqlite3_column_double((sqlite3_stmt *)row, column);
}

gboolean persist_db_each(struct persist_db *db, enum persist_statement statement, persist_row_fn fn,
                         gpointer user_data, GError **error)
{
    sqlite3_stmt *prepared = db->statements[statement];
    int code;
    while ((code = sqlite3_step(prepared)) == SQLITE_ROW)
        fn((struct persist_row *)prepared, user_data);
    gboolean done = code == SQLITE_DONE || fail(db, code, error);
    sqlite3_reset(prepared);
    return done;
}
