/* SPDX-License-Identifier: MIT
 *
 * The parameters of a request, from its query and its form body, read as Nacos' WebUtils does:
 * values are trimmed, a blank one is absent, of a repeated one the first counts and the query comes
 * first.
 */
#pragma once

#include <glib.h>

#define PARAMS_MAX 64 /* names in a request; Nacos' own calls have 12 */

struct params;

struct params *params_new(void);
void params_free(struct params *params);

typedef struct params registry_params;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(registry_params, params_free)

/* Adds the pairs of application/x-www-form-urlencoded text (WHATWG URL, section 5.1). FALSE with
 * REGISTRY_ERROR_ARGUMENT for a broken escape, a NUL, invalid UTF-8 or more than PARAMS_MAX names.
 */
gboolean params_add_form(struct params *params, const char *text, gsize length, GError **error);

/* Borrowed; NULL if absent or blank. */
const char *params_get(const struct params *params, const char *name);
/* The same, but `fallback` instead of NULL. */
const char *params_text(const struct params *params, const char *name, const char *fallback);
/* The same, but an absent one is an error: "Param 'ip' is required." */
const char *params_required(const struct params *params, const char *name, GError **error);

/* true, on, yes, y, t in any case; all else, also "1", is FALSE (BooleanUtils.toBoolean, 1.4.8). */
gboolean params_bool(const struct params *params, const char *name, gboolean fallback);

/* Java's Integer.parseInt and Double.parseDouble; *value is left alone if the parameter is absent.
 */
gboolean params_int(const struct params *params, const char *name, gint *value, GError **error);
gboolean params_double(const struct params *params, const char *name, double *value,
                       GError **error);
