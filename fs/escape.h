/* SPDX-License-Identifier: MIT
 *
 * Octal escapes as in /proc/mounts (mangle() of the kernel's fs/proc_namespace.c): \ooo, three
 * digits, one byte each. Pure.
 */
#pragma once

#include <glib.h>

/* Appends `text`; space, control characters, backslash, invalid UTF-8 and the bytes of `also`
 * (ASCII, may be "") become \ooo. */
void escape_append(GString *out, const char *text, const char *also);

/* Undoes it: new string, or NULL if a backslash is not followed by 001..377 or the result is not
 * valid UTF-8. `text` has `length` bytes and no NUL among them. */
char *escape_undo(const char *text, gsize length);
