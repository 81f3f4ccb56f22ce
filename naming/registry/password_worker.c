/* SPDX-License-Identifier: MIT */
#include "naming/registry/password_worker.h"

#include "naming/registry/secret_file.h"
#include "naming/registry/token.h"

#include <crypt.h>
#include <gio/gio.h>
#include <string.h>

/* What a thread gets. */
struct comparison {
    char *password;
    char *hash;
};

struct job {
    struct comparison input;
    password_done_fn done;
    gpointer user_data;
};

struct password_worker {
    GQueue jobs; /* struct job, oldest first: that one is with the thread if `busy` */
    gboolean busy;
    GCancellable *gone; /* told that the worker was freed: a result finds nobody */
};

static void comparison_clear(struct comparison *comparison)
{
    secret_free(comparison->password);
    secret_free(comparison->hash);
}

static void comparison_free(gpointer data)
{
    comparison_clear(data);
    g_free(data);
}

static void job_end(struct job *job, gboolean right)
{
    password_done_fn done = job->done;
    gpointer user_data = job->user_data;
    comparison_clear(&job->input);
    g_free(job);
    done(right, user_data);
}

/* In the thread. */
static void compare(GTask *task, gpointer source, gpointer data, GCancellable *gone)
{
    const struct comparison *input = data;
    struct crypt_data *scratch = g_new0(struct crypt_data, 1);
    const char *made = crypt_rn(input->password, input->hash, scratch, sizeof(*scratch));
    gboolean right = made && token_equal(made, input->hash);
    explicit_bzero(scratch, sizeof(*scratch));
    g_free(scratch);
    g_task_return_boolean(task, right);
}

static void start_next(struct password_worker *worker);

/* Those who waited with the same two texts have their answer, too: after a restart every client of
 * a user logs in at once. */
static void on_compared(GObject *source, GAsyncResult *result, gpointer user_data)
{
    struct password_worker *worker = user_data;
    g_autoptr(GError) error = NULL;
    gboolean right = g_task_propagate_boolean(G_TASK(result), &error);
    if (error) /* freed meanwhile */
        return;
    GQueue same = G_QUEUE_INIT;
    const struct job *first = g_queue_peek_head(&worker->jobs);
    for (GList *at = worker->jobs.head, *next; at; at = next) {
        const struct job *job = at->data;
        next = at->next;
        if (job == first || (g_str_equal(job->input.password, first->input.password) &&
                             g_str_equal(job->input.hash, first->input.hash))) {
            g_queue_unlink(&worker->jobs, at);
            g_queue_push_tail_link(&same, at);
        }
    }
    worker->busy = FALSE;
    start_next(worker);
    for (struct job *job; (job = g_queue_pop_head(&same));)
        job_end(job, right);
}

static void start_next(struct password_worker *worker)
{
    const struct job *job = g_queue_peek_head(&worker->jobs);
    if (!job || worker->busy)
        return;
    struct comparison *input = g_new0(struct comparison, 1);
    input->password = g_strdup(job->input.password);
    input->hash = g_strdup(job->input.hash);
    g_autoptr(GTask) task = g_task_new(NULL, worker->gone, on_compared, worker);
    g_task_set_task_data(task, input, comparison_free);
    g_task_run_in_thread(task, compare);
    worker->busy = TRUE;
}

struct password_worker *password_worker_new(void)
{
    struct password_worker *worker = g_new0(struct password_worker, 1);
    worker->gone = g_cancellable_new();
    return worker;
}

void password_worker_free(struct password_worker *worker)
{
    if (!worker)
        return;
    g_cancellable_cancel(worker->gone);
    g_object_unref(worker->gone);
    for (struct job *job; (job = g_queue_pop_head(&worker->jobs));)
        job_end(job, FALSE);
    g_free(worker);
}

gboolean password_worker_check(struct password_worker *worker, const char *password,
                               const char *hash, password_done_fn done, gpointer user_data)
{
    if (g_queue_get_length(&worker->jobs) >= PASSWORD_WORKER_MAX)
        return FALSE;
    struct job *job = g_new0(struct job, 1);
    *job = (struct job){{g_strdup(password), g_strdup(hash)}, done, user_data};
    g_queue_push_tail(&worker->jobs, job);
    start_next(worker);
    return TRUE;
}
