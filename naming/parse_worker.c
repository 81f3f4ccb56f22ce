/* SPDX-License-Identifier: MIT */
#include "naming/parse_worker.h"

#include "naming/codec.h"

#include <gio/gio.h>
#include <malloc.h>

#define WAITING_MAX (128 * 1024 * 1024) /* bytes of text that wait for the thread */

/* What a thread gets. */
struct parse_input {
    char *text;
    gsize length;
    struct service_key *key;
};

/* What it gives back. */
struct parse_output {
    struct service_info *info;
    char *why;
};

/* The loop's side of a job. */
struct parse_job {
    struct parse_worker *worker;
    struct parse_input *input; /* NULL once a thread has it */
    parse_done_fn done;        /* NULL = cancelled while a thread had it */
    gpointer user_data;
    GList link; /* in worker->waiting while there is an input */
};

struct parse_worker {
    GQueue waiting;            /* struct parse_job, oldest first */
    gsize waiting_bytes;       /* of their texts */
    struct parse_job *running; /* NULL = no thread */
    GCancellable *gone;        /* told that the worker was freed: a result finds nobody */
};

static void parse_input_free(gpointer data)
{
    struct parse_input *input = data;

    g_free(input->text);
    service_key_free(input->key);
    g_free(input);
}

static void parse_output_free(gpointer data)
{
    struct parse_output *output = data;

    service_info_unref(output->info);
    g_free(output->why);
    g_free(output);
}

typedef struct parse_output parse_output;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(parse_output, parse_output_free)

/* In the thread: touches the input and what it makes, nothing else. */
static void parse_worker_parse(GTask *task, gpointer source, gpointer data, GCancellable *gone)
{
    struct parse_input *input = data;
    struct parse_output *output;

    if (g_task_return_error_if_cancelled(task))
        return;
    output = g_new0(struct parse_output, 1);
    output->info = codec_service_info(input->text, input->length, input->key, NULL, &output->why);
    g_clear_pointer(&input->text, g_free); /* 64 MiB that the loop need not give back */
    g_task_return_pointer(task, output, parse_output_free);
}

static void parse_worker_next(struct parse_worker *worker);

/* On the loop. `user_data` may be gone: `gone` is asked first. */
static void parse_worker_on_parsed(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(parse_output) output = g_task_propagate_pointer(G_TASK(result), NULL);
    struct parse_worker *worker = user_data;
    struct parse_job *job;
    parse_done_fn done;
    gpointer done_data;

    if (output == NULL) /* cancelled; a job that was carried out has an output */
        return;
    job = g_steal_pointer(&worker->running);
    done = job->done;
    done_data = job->user_data;
    g_free(job);
    parse_worker_next(worker);
    if (done != NULL)
        done(g_steal_pointer(&output->info), output->why, done_data);
    malloc_trim(0); /* ten times the text was needed, and seldom is again */
}

static void parse_worker_next(struct parse_worker *worker)
{
    g_autoptr(GTask) task = NULL;
    struct parse_job *job = g_queue_peek_head(&worker->waiting);

    if (job == NULL || worker->running != NULL)
        return;
    g_queue_unlink(&worker->waiting, &job->link);
    worker->waiting_bytes -= job->input->length;
    worker->running = job;
    task = g_task_new(NULL, worker->gone, parse_worker_on_parsed, worker);
    g_task_set_task_data(task, g_steal_pointer(&job->input), parse_input_free);
    g_task_run_in_thread(task, parse_worker_parse);
}

struct parse_worker *parse_worker_new(void)
{
    struct parse_worker *worker = g_new0(struct parse_worker, 1);

    worker->gone = g_cancellable_new();
    return worker;
}

static void parse_job_free(struct parse_job *job)
{
    if (job->input != NULL)
        parse_input_free(job->input);
    g_free(job);
}

void parse_job_cancel(struct parse_job *job)
{
    struct parse_worker *worker = job->worker;

    if (job->input == NULL) {
        job->done = NULL; /* the thread's end frees it, and only then comes the next one's turn */
        return;
    }
    g_queue_unlink(&worker->waiting, &job->link);
    worker->waiting_bytes -= job->input->length;
    parse_job_free(job);
}

void parse_worker_free(struct parse_worker *worker)
{
    g_cancellable_cancel(worker->gone);
    g_object_unref(worker->gone);
    while (worker->waiting.length > 0)
        parse_job_cancel(g_queue_peek_head(&worker->waiting));
    g_free(worker->running);
    g_free(worker);
}

struct parse_job *parse_worker_add(struct parse_worker *worker, char *text, gsize length,
                                   const struct service_key *key, parse_done_fn done,
                                   gpointer user_data)
{
    struct parse_job *job;

    if (worker->waiting.length > 0 && worker->waiting_bytes + length > WAITING_MAX) {
        g_free(text);
        return NULL;
    }
    job = g_new0(struct parse_job, 1);
    job->worker = worker;
    job->done = done;
    job->user_data = user_data;
    job->link.data = job;
    job->input = g_new0(struct parse_input, 1);
    *job->input = (struct parse_input){text, length, service_key_dup(key)};
    g_queue_push_tail_link(&worker->waiting, &job->link);
    worker->waiting_bytes += length;
    parse_worker_next(worker);
    return job;
}
