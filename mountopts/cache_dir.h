/* SPDX-License-Identifier: MIT
 *
 * Where the disk cache is if nobody says so. Pure but for the environment.
 */
#pragma once

#include "mountopts/mountopts.h"

/* /var/cache/nacosfs for root, else nacosfs in XDG_CACHE_HOME (or ~/.cache), and below it a
 * directory for SOURCE (a registry of our own also by its address) and one for the namespace: names
 * are percent-encoded, so neither leads elsewhere. New string. */
char *cache_dir_default(const struct mount_options *options);
