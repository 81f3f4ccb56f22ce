/* SPDX-License-Identifier: MIT */
#include "fs/stderr_capture.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOST_BYTES 4096

void stderr_capture_begin(struct stderr_capture *capture)
{
    fflush(stderr);
    capture->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    capture->file = memfd_create("stderr", MFD_CLOEXEC);
    if (capture->saved >= 0 && capture->file >= 0)
        dup2(capture->file, STDERR_FILENO);
}

static char *join_lines(char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    GString *joined = g_string_new(NULL);
    for (char **line = lines; *line; line++)
        if (*g_strstrip(*line))
            g_string_append_printf(joined, "%s%s", joined->len ? "; " : "", *line);
    return g_string_free(joined, joined->len == 0);
}

char *stderr_capture_end(struct stderr_capture *capture)
{
    char text[MOST_BYTES + 1];
    ssize_t length = 0;
    fflush(stderr);
    if (capture->file >= 0) {
        length = MAX(pread(capture->file, text, MOST_BYTES, 0), 0);
        close(capture->file);
    }
    if (capture->saved >= 0) {
        dup2(capture->saved, STDERR_FILENO);
        close(capture->saved);
    }
    text[length] = '\0';
    return join_lines(text);
}
