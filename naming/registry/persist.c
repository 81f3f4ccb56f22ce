/* SPDX-License-Identifier: MIT */
#include "naming/registry/persist.h"

#include "naming/registry/names.h"
#include "naming/registry/persist_db.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#define FILE_NAME "registry.db"
#define DIRECTORY_NAME "nacos-registry"
#define DIRECTORY_MODE 0700 /* checkers have passwords */

#define TEXT(value) ((struct persist_value){.type = PERSIST_TEXT, .text = (value)})
#define INT(value) ((struct persist_value){.type = PERSIST_INT, .integer = (value)})
#define DOUBLE(value) ((struct persist_value){.type = PERSIST_DOUBLE, .number = (value)})

struct persist {
    struct store_journal journal; /* first: the store's pointer to it is ours */
    char *directory;              /* NULL = nothing is kept */
    struct persist_db *db;        /* NULL = not open: there was nothing to keep yet */
};

/* With its name on disk as well: SQLite sees to the names in it alone. */
static gboolean make_directory(const char *path)
{
    g_autofree char *parent = g_path_get_dirname(path);
    if (g_mkdir_with_parents(path, DIRECTORY_MODE))
        return FALSE;
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return synced;
}

static gboolean open_db(struct persist *persist, GError **error)
{
    if (persist->db)
        return TRUE;
    if (!make_directory(persist->directory)) {
        g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_DISK, "%s: %s", persist->directory,
                    g_strerror(errno));
        return FALSE;
    }
    g_autofree char *path = g_build_filename(persist->directory, FILE_NAME, NULL);
    persist->db = persist_db_open(path, error);
    return persist->db != NULL;
}

static gboolean run(struct persist *persist, enum persist_statement statement,
                    const struct persist_value *values, guint count, GError **error)
{
    gboolean done =
        open_db(persist, error) && persist_db_run(persist->db, statement, values, count, error);
    if (!done && error && *error)
        g_warning("not kept on disk: %s", (*error)->message);
    return done;
}

static gboolean put_instance(struct store_journal *journal, const struct store_record *record,
                             GError **error)
{
    struct persist *persist = (struct persist *)journal;
    const struct persist_value values[] = {
        TEXT(record->id.namespace_id), TEXT(record->id.service), TEXT(record->id.ip),
        INT(record->id.port),          TEXT(record->id.cluster), DOUBLE(record->weight),
        INT(!!record->enabled),        INT(!!record->healthy),   TEXT(record->metadata->json),
    };
    if (persist->directory)
        return run(persist, PERSIST_PUT_INSTANCE, values, G_N_ELEMENTS(values), error);
    g_set_error_literal(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT,
                        "this registry does not keep persistent instances (--state none), use "
                        "ephemeral=true");
    return FALSE;
}

static gboolean remove_instance(struct store_journal *journal, const struct store_id *id,
                                GError **error)
{
    const struct persist_value values[] = {
        TEXT(id->namespace_id), TEXT(id->service), TEXT(id->ip), INT(id->port), TEXT(id->cluster),
    };
    return run((struct persist *)journal, PERSIST_REMOVE_INSTANCE, values, G_N_ELEMENTS(values),
               error);
}

static gboolean put_service(struct store_journal *journal,
                            const struct store_service_record *record, GError **error)
{
    struct persist *persist = (struct persist *)journal;
    const struct persist_value values[] = {TEXT(record->namespace_id), TEXT(record->service),
                                           DOUBLE(record->protect_threshold),
                                           TEXT(record->metadata->json)};
    return !persist->directory ||
           run(persist, PERSIST_PUT_SERVICE, values, G_N_ELEMENTS(values), error);
}

static gboolean remove_service(struct store_journal *journal, const char *namespace_id,
                               const char *service, GError **error)
{
    struct persist *persist = (struct persist *)journal;
    const struct persist_value key[] = {TEXT(namespace_id), TEXT(service)};
    if (!persist->directory)
        return TRUE;
    if (!run(persist, PERSIST_BEGIN, NULL, 0, error))
        return FALSE;
    gboolean done = run(persist, PERSIST_REMOVE_INSTANCES, key, G_N_ELEMENTS(key), error) &&
                    run(persist, PERSIST_REMOVE_CLUSTERS, key, G_N_ELEMENTS(key), error) &&
                    run(persist, PERSIST_REMOVE_SERVICE, key, G_N_ELEMENTS(key), error) &&
                    run(persist, PERSIST_COMMIT, NULL, 0, error);
    if (!done)
        persist_db_run(persist->db, PERSIST_ROLLBACK, NULL, 0, NULL);
    return done;
}

static gboolean put_cluster(struct store_journal *journal,
                            const struct store_cluster_record *record, GError **error)
{
    struct persist *persist = (struct persist *)journal;
    g_autoptr(GString) checker = g_string_new(NULL);
    checker_write(checker, record->checker, TRUE);
    const struct persist_value values[] = {
        TEXT(record->namespace_id),   TEXT(record->service),   TEXT(record->cluster),
        TEXT(checker->str),           INT(record->check_port), INT(!!record->use_instance_port),
        TEXT(record->metadata->json),
    };
    return !persist->directory ||
           run(persist, PERSIST_PUT_CLUSTER, values, G_N_ELEMENTS(values), error);
}

struct persist *persist_new(const char *directory)
{
    struct persist *persist = g_new0(struct persist, 1);
    persist->journal = (struct store_journal){put_instance, remove_instance, put_service,
                                              remove_service, put_cluster};
    persist->directory = g_strdup(directory);
    return persist;
}

void persist_free(struct persist *persist)
{
    if (!persist)
        return;
    persist_db_close(persist->db);
    g_free(persist->directory);
    g_free(persist);
}

struct store_journal *persist_journal(struct persist *persist)
{
    return &persist->journal;
}

/* Where the rows go. */
struct loading {
    struct store *store;
    gint64 now;
};

static void load_service(struct persist_row *row, gpointer user_data)
{
    struct loading *loading = user_data;
    struct metadata metadata = {0};
    g_autoptr(GError) error = NULL;
    struct store_service_record record = {.namespace_id = persist_row_text(row, 0),
                                          .service = persist_row_text(row, 1),
                                          .protect_threshold = persist_row_double(row, 2),
                                          .metadata = &metadata};
    if (!metadata_parse(persist_row_text(row, 3), &metadata, &error) ||
        !store_create_service(loading->store, &record, &error))
        g_warning("service %s on disk: %s", record.service, error->message);
    metadata_clear(&metadata);
}

static void load_cluster(struct persist_row *row, gpointer user_data)
{
    struct loading *loading = user_data;
    struct metadata metadata = {0};
    struct checker checker = {0};
    g_autoptr(GError) error = NULL;
    struct store_cluster_record record = {.namespace_id = persist_row_text(row, 0),
                                          .service = persist_row_text(row, 1),
                                          .cluster = persist_row_text(row, 2),
                                          .check_port = persist_row_int(row, 4),
                                          .use_instance_port = persist_row_int(row, 5),
                                          .checker = &checker,
                                          .metadata = &metadata};
    if (!checker_parse(persist_row_text(row, 3), &checker, &error) ||
        !metadata_parse(persist_row_text(row, 6), &metadata, &error) ||
        !store_update_cluster(loading->store, &record, loading->now, &error))
        g_warning("cluster %s of %s on disk: %s", record.cluster, record.service, error->message);
    checker_clear(&checker);
    metadata_clear(&metadata);
}

static void load_instance(struct persist_row *row, gpointer user_data)
{
    struct loading *loading = user_data;
    struct metadata metadata = {0};
    struct store_change change;
    g_autoptr(GError) error = NULL;
    struct store_record record = {.id = {.namespace_id = persist_row_text(row, 0),
                                         .service = persist_row_text(row, 1),
                                         .ip = persist_row_text(row, 2),
                                         .port = persist_row_int(row, 3),
                                         .cluster = persist_row_text(row, 4),
                                         .persistent = TRUE},
                                  .weight = persist_row_double(row, 5),
                                  .enabled = persist_row_int(row, 6),
                                  .healthy = persist_row_int(row, 7),
                                  .metadata = &metadata};
    if (!metadata_parse(persist_row_text(row, 8), &metadata, &error) ||
        !store_register(loading->store, &record, loading->now, &change, &error))
        g_warning("%s:%d of %s on disk: %s", record.id.ip, record.id.port, record.id.service,
                  error->message);
    metadata_clear(&metadata);
}

gboolean persist_load(struct persist *persist, struct store *store, gint64 now, GError **error)
{
    struct loading loading = {store, now};
    if (!persist->directory)
        return TRUE;
    g_autofree char *path = g_build_filename(persist->directory, FILE_NAME, NULL);
    if (g_access(path, F_OK))
        return TRUE;
    return open_db(persist, error) &&
           persist_db_each(persist->db, PERSIST_SERVICES, load_service, &loading, error) &&
           persist_db_each(persist->db, PERSIST_CLUSTERS, load_cluster, &loading, error) &&
           persist_db_each(persist->db, PERSIST_INSTANCES, load_instance, &loading, error);
}

char *persist_default_directory(void)
{
    const char *given = g_getenv("STATE_DIRECTORY");
    if (given && *given)
        return g_strdup(given);
    if (geteuid() == 0)
        return g_strdup("/var/lib/" DIRECTORY_NAME);
    return g_build_filename(g_get_user_state_dir(), DIRECTORY_NAME, NULL);
}
