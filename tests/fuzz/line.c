/* SPDX-License-Identifier: MIT
 *
 * What users write: a line that was taken is shown as a line that means the same, and what is
 * refused has a reason.
 */
#include "fs/address.h"
#include "fs/parse.h"
#include "fs/render.h"
#include "tests/fuzz/fuzz.h"

static void assert_reads_back(const struct instance *taken)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_auto(instance) back = {0};
    g_autofree char *why = NULL;
    render_line(line, taken);
    g_assert_cmpint(line->str[line->len - 1], ==, '\n');
    g_assert_null(memchr(line->str, '\n', line->len - 1));
    gboolean again = parse_instance(line->str, line->len - 1, NULL, &back, &why);
    g_assert_cmpstr(why, ==, NULL);
    g_assert_true(again);
    g_assert_true(instance_equal(taken, &back));
}

static void try_attributes(const char *line, gsize length)
{
    g_auto(instance) host = {0};
    g_autofree char *why = NULL;
    instance_init(&host);
    host.ip = g_strdup("10.0.0.1");
    host.port = 80;
    if (parse_attributes(line, length, &host, &why))
        assert_reads_back(&host);
    else
        g_assert_nonnull(why);
}

static void try_target(const char *line, gsize length)
{
    g_auto(instance) target = {0};
    g_autofree char *why = NULL;
    gboolean has_cluster;
    g_assert_true(parse_target(line, length, "10.0.0.9", &target, &has_cluster, &why) == !why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *line = (const char *)data;
    if (size > PARSE_MAX_LINE || memchr(data, '\n', size))
        return 0;
    g_auto(instance) record = {0};
    g_autofree char *why = NULL;
    gboolean taken = parse_instance(line, size, "10.0.0.9", &record, &why);
    g_assert_true(taken == !why);
    if (taken)
        assert_reads_back(&record);
    try_attributes(line, size);
    try_target(line, size);
    return 0;
}
