/* SPDX-License-Identifier: MIT
 *
 * How the persistent instances of a cluster are probed: Nacos' AbstractHealthChecker and its kinds.
 * A value, read from and written as the JSON of the API.
 */
#pragma once

#include <glib.h>

#define CHECKER_MAX_LENGTH 8192 /* bytes of its JSON */

enum checker_type {
    CHECKER_TCP, /* connects */
    CHECKER_HTTP,
    CHECKER_MYSQL,
    CHECKER_NONE, /* nobody probes; PUT /health says how they are */
};

/* All zero is the default: TCP. */
struct checker {
    enum checker_type type;
    char *path;         /* HTTP; owned; begins with a slash */
    char *headers;      /* HTTP; owned; NAME:VALUE|NAME:VALUE, "" = none */
    gint expected_code; /* HTTP; repeated, never used: 200 is what counts, as in Nacos */
    char *user, *password, *command; /* MySQL; owned */
};

/* Reads what HealthCheckerFactory of 1.4.8 reads; an unknown type is CHECKER_NONE. FALSE with a
 * REGISTRY_ERROR for what is no JSON object, is too long or would put line ends into a request;
 * `out` holds nothing then. */
gboolean checker_parse(const char *text, struct checker *out, GError **error);

/* Appends its JSON. The password is blank unless `with_password`: for the disk, not for the API,
 * where everybody may ask. */
void checker_write(GString *out, const struct checker *checker, gboolean with_password);

/* `to` becomes the same as `from`; what it held before is released. */
void checker_assign(struct checker *to, const struct checker *from);
void checker_clear(struct checker *checker);
