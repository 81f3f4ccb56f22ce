/* SPDX-License-Identifier: MIT
 *
 * The one table of options: what parsing, --help, `.nacos/options` and the test of the man page are
 * made from.
 */
#pragma once

#include "mountopts/mountopts.h"
#include "mountopts/option_kind.h"

/* The row of `option`, which is NAME or NAME=VALUE; static; NULL if it is none of ours. */
const struct option_row *option_table_find(const char *option);

/* Where the row's value is in `options`. */
void *option_table_field(const struct option_row *row, const struct mount_options *options);

/* Sets the fields of all rows that have a fixed default. */
void option_table_set_defaults(struct mount_options *options);
