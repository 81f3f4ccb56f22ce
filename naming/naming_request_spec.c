/* SPDX-License-Identifier: MIT */
#include "naming/naming_request_spec.h"

#include <string.h>

void naming_request_spec_copy(struct naming_request_spec *to,
                              const struct naming_request_spec *from)
{
    *to = *from;
    to->method = g_strdup(from->method);
    to->path = g_strdup(from->path);
    to->query = g_strdup(from->query);
    to->form = g_strdup(from->form);
    to->service = from->service != NULL ? service_key_dup(from->service) : NULL;
}

void naming_request_spec_clear(struct naming_request_spec *spec)
{
    if (spec->form != NULL)
        explicit_bzero((char *)spec->form, strlen(spec->form)); /* may be a password */
    if (spec->service != NULL)
        service_key_free((struct service_key *)spec->service);
    g_free((char *)spec->method);
    g_free((char *)spec->path);
    g_free((char *)spec->query);
    g_free((char *)spec->form);
}
