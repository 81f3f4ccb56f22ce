/* SPDX-License-Identifier: MIT
 *
 * Names as files: one spelling each, back to the same name, and none leaves its directory.
 */
#include "fs/address.h"
#include "fs/names.h"
#include "naming/disk_name.h"
#include "tests/fuzz/fuzz.h"

static void assert_is_file_name(const char *name)
{
    g_assert_cmpuint(strlen(name), >, 0);
    g_assert_cmpuint(strlen(name), <=, NAMES_MAX);
    g_assert_null(strchr(name, '/'));
    g_assert_true(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
}

static void try_shown(const char *raw)
{
    g_autofree char *shown = names_encode(raw);
    if (!shown)
        return;
    assert_is_file_name(shown);
    g_autofree char *back = names_decode(shown);
    g_assert_true(!back || strcmp(back, raw) == 0);
    g_autofree char *other = names_decode(raw); /* as if it were a file name */
    g_autofree char *again = other ? names_encode(other) : NULL;
    g_assert_true(!other || strcmp(again, raw) == 0);
}

static void try_disk(const char *raw)
{
    const struct service_key key = {.group = (char *)"G", .name = (char *)raw};
    g_autofree char *name = disk_name(&key, "");
    g_autofree char *clusters = NULL;
    assert_is_file_name(name);
    g_autoptr(service_key) back = disk_name_parse(name, &clusters);
    if (!back)
        g_assert_true(!*raw || disk_name_is_short(name));
    else
        g_assert_cmpstr(back->name, ==, raw);
    g_autofree char *others = NULL;
    g_autoptr(service_key) other = disk_name_parse(raw, &others);
}

static void try_host(const char *raw)
{
    g_auto(instance) host = {0};
    g_autofree char *why = NULL;
    instance_init(&host);
    if (!address_parse_host_name(raw, &host, &why)) {
        g_assert_nonnull(why);
        return;
    }
    g_autofree char *name = address_host_name(&host);
    g_assert_cmpstr(name, ==, raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *raw = g_strndup((const char *)data, size);
    try_shown(raw);
    try_disk(raw);
    try_host(raw);
    return 0;
}
