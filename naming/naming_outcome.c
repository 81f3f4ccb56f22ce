/* SPDX-License-Identifier: MIT */
#include "naming/naming_outcome.h"

#include <string.h>

#define TEXT_MAX 300 /* bytes of a server's words that are kept */

/* The first line of what a server said: no control bytes, valid UTF-8, short. */
static char *first_line(const char *body, gsize length)
{
    while (length > 0 && g_ascii_isspace(*body)) {
        body++;
        length--;
    }
    length = MIN(length, TEXT_MAX);
    const char *end = memchr(body, '\n', length);
    g_autofree char *line = g_strndup(body, end != NULL ? (gsize)(end - body) : length);
    char *text = g_utf8_make_valid(line, -1);
    for (char *c = text; *c != '\0'; c++)
        if (g_ascii_iscntrl(*c))
            *c = ' ';
    while (strlen(text) > TEXT_MAX) /* replacement characters are longer than what they replace */
        *g_utf8_find_prev_char(text, text + strlen(text)) = '\0';
    return g_strchomp(text);
}

static enum naming_status status_of(int http_status)
{
    switch (http_status) {
    case 400:
        return NAMING_INVALID;
    case 401:
    case 403:
        return NAMING_DENIED;
    case 404:
        return NAMING_NOT_FOUND;
    default:
        return NAMING_REMOTE;
    }
}

static void judge_status(struct outcome *outcome, const struct http_response *response)
{
    int status = response->status;
    outcome->status = status_of(status);
    outcome->doubt = status == 500;
    outcome->failed = status == 502 || status == 503 || status == 504;
    outcome->text = first_line(response->body, response->body_length);
    if (*outcome->text == '\0') {
        g_free(outcome->text);
        outcome->text = g_strdup_printf("HTTP %d", status);
    }
}

static void judge_failure(struct outcome *outcome, const struct http_response *response)
{
    outcome->failed = response->failure != HTTP_TOO_LARGE;
    outcome->unasked = response->failure == HTTP_BUSY;
    outcome->again = response->failure == HTTP_UNREACHABLE || response->failure == HTTP_TIMEOUT ||
                     outcome->unasked;
    outcome->text = first_line(response->text, strlen(response->text));
    switch (response->failure) {
    case HTTP_TIMEOUT:
    case HTTP_BUSY:
        outcome->status = NAMING_TIMEOUT;
        break;
    case HTTP_UNREACHABLE:
        outcome->status = NAMING_UNREACHABLE;
        break;
    default:
        outcome->status = NAMING_REMOTE;
        break;
    }
}

void outcome_of_response(struct outcome *outcome, const struct http_response *response)
{
    *outcome = (struct outcome){.status = NAMING_OK};
    if (response->failure != HTTP_ANSWERED)
        judge_failure(outcome, response);
    else if (response->status != 200)
        judge_status(outcome, response);
}

void outcome_is_nonsense(struct outcome *outcome)
{
    outcome->status = NAMING_REMOTE;
    outcome->doubt = TRUE;
}
