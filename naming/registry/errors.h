/* SPDX-License-Identifier: MIT
 *
 * What a call of the registry can fail with. The HTTP side turns the code into a status in one
 * place (openapi.c); everything below it knows no HTTP.
 */
#pragma once

#include <glib.h>

#define REGISTRY_ERROR registry_error_quark()

enum registry_error {
    REGISTRY_ERROR_ARGUMENT, /* Java's IllegalArgumentException: a parameter cannot be used */
    REGISTRY_ERROR_NACOS,    /* Java's NacosException: well-formed, but refused or not found */
    REGISTRY_ERROR_FULL,     /* a cap is reached; nothing was changed */
    REGISTRY_ERROR_DENIED,   /* Java's AccessException: who asks may not */
    REGISTRY_ERROR_DISK,     /* it cannot be kept; nothing was changed */
};

GQuark registry_error_quark(void);
