/* SPDX-License-Identifier: MIT */
#include "naming/registry/errors.h"

G_DEFINE_QUARK(registry - error - quark, registry_error)
