/* SPDX-License-Identifier: MIT */
#include "naming/http_body.h"

#include "naming/http.h"

#include <malloc.h>
#include <string.h>

#define TRIM_FROM (1024 * 1024) /* bytes worth giving back */
#define LARGE (1024 * 1024)     /* bytes; smaller bodies are not counted */

static gsize counted(gsize room)
{
    return room > LARGE ? room : 0;
}

/* Room for `need` bytes, and a NUL. */
static gboolean http_body_grow(struct http_body *body, gsize need)
{
    gsize room = MAX(MIN(body->room * 2, body->limit + 1), need + 1);
    gsize more = counted(room) - counted(body->room);
    char *grown;

    body->crowded = body->large != NULL && more > 0 && body->large->used + more > body->large->most;
    if (body->crowded)
        return FALSE;
    grown = g_try_realloc(body->data, room); /* GLib's other calls would abort */
    body->overflow = grown == NULL;
    if (body->overflow)
        return FALSE;
    if (body->large != NULL)
        body->large->used += more;
    body->data = grown;
    body->room = room;
    return TRUE;
}

gboolean http_body_append(struct http_body *body, const char *data, gsize length)
{
    if (length > body->limit - body->length) {
        body->overflow = TRUE;
        return FALSE;
    }
    if (body->room - body->length <= length && !http_body_grow(body, body->length + length))
        return FALSE;
    memcpy(body->data + body->length, data, length);
    body->length += length;
    body->data[body->length] = '\0';
    return TRUE;
}

void http_body_clear(struct http_body *body)
{
    gboolean large = body->data != NULL && body->room > TRIM_FROM;
    if (body->large != NULL)
        body->large->used -= counted(body->room);
    g_free(body->data);
    if (large)
        malloc_trim(0); /* glibc would keep up to 64 MiB for the next one */
    *body = (struct http_body){.limit = body->limit, .large = body->large};
}

char *http_response_take_body(struct http_response *response)
{
    char *body = NULL;
    if (response->buffer != NULL) {
        body = g_steal_pointer(&response->buffer->data);
        http_body_clear(response->buffer);
    }
    response->body = "";
    response->body_length = 0;
    return body;
}

void http_form_add(GString *form, const char *name, const char *value)
{
    if (form->len > 0)
        g_string_append_c(form, '&');
    g_autofree char *escaped = g_uri_escape_string(value, NULL, FALSE);
    g_string_append_printf(form, "%s=%s", name, escaped);
}
