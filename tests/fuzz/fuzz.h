/* SPDX-License-Identifier: MIT
 *
 * What every target has (https://llvm.org/docs/LibFuzzer.html): it is called again and again with
 * bytes that nobody has chosen, and aborts where a promise of the code under test does not hold.
 */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
