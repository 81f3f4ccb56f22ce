/* SPDX-License-Identifier: MIT
 *
 * Many readers of one file at once, a process each: `readers PATH COUNT SECONDS PAUSE_MS`. Each
 * opens, reads to the end and closes, again and again, with a pause of about that length in
 * between. Prints what they saw as JSON: {"reads", "errors", "p50", "p99", "max"}, times of one
 * open-read-close in ms.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 20000 /* times that one reader takes down */

/* Shared with its process. */
struct reader {
    size_t n, errors;
    float times[MOST];
};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The bytes read; -1 if anything failed. */
static ssize_t read_whole(const char *path)
{
    char bytes[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1, total = 0;

    if (fd < 0)
        return -1;
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        total += n;
    return close(fd) == 0 && n == 0 ? total : -1;
}

static void read_on(struct reader *reader, const char *path, double end, unsigned pause_ms)
{
    unsigned seed = (unsigned)getpid();

    while (now() < end && reader->n < MOST) {
        double began;

        if (pause_ms > 0)
            usleep((useconds_t)rand_r(&seed) % (2000 * pause_ms));
        began = now();
        if (read_whole(path) <= 0)
            reader->errors++;
        reader->times[reader->n++] = (float)((now() - began) * 1e3);
    }
}

static int compare(const void *a, const void *b)
{
    float one = *(const float *)a, other = *(const float *)b;

    return (one > other) - (one < other);
}

static void report(const struct reader *readers, size_t count)
{
    size_t n = 0, errors = 0;
    float *all;

    for (size_t i = 0; i < count; i++) {
        n += readers[i].n;
        errors += readers[i].errors;
    }
    all = calloc(n + 1, sizeof *all);
    for (size_t i = 0, at = 0; i < count; i++)
        for (size_t k = 0; k < readers[i].n; k++)
            all[at++] = readers[i].times[k];
    qsort(all, n, sizeof *all, compare);
    printf("{\"reads\": %zu, \"errors\": %zu, \"p50\": %.2f, \"p99\": %.2f, \"max\": %.2f}\n", n,
           errors, (double)all[n / 2], (double)all[n * 99 / 100], (double)all[n > 0 ? n - 1 : 0]);
    free(all);
}

int main(int argc, char *argv[])
{
    size_t count = argc == 5 ? strtoul(argv[2], NULL, 10) : 0;
    struct reader *readers = mmap(NULL, (count + 1) * sizeof *readers, PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    double end = count > 0 ? now() + strtod(argv[3], NULL) : 0;

    if (readers == MAP_FAILED)
        return 1;
    for (size_t i = 0; i < count; i++) {
        pid_t pid = fork();

        if (pid < 0)
            return 1;
        if (pid == 0) {
            read_on(&readers[i], argv[1], end, (unsigned)strtoul(argv[4], NULL, 10));
            return 0;
        }
    }
    while (wait(NULL) > 0)
        ;
    report(readers, count);
    return count > 0 ? 0 : 2;
}
