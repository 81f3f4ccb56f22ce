/* SPDX-License-Identifier: MIT */
#include "naming/registry/switches.h"

#include "naming/registry/errors.h"

#include <json-c/json.h>

static void test_sets(void)
{
    struct switches switches;
    switches_init(&switches);
    g_assert_true(switches_set(&switches, "check", "false", NULL));
    g_assert_true(switches_set(&switches, "pushEnabled", "FALSE", NULL));
    g_assert_true(switches_set(&switches, "lightBeatEnabled", "false", NULL));
    g_assert_true(switches_set(&switches, "clientBeatInterval", "100", NULL));
    g_assert_false(switches.health_check || switches.push || switches.light_beat);
    g_assert_cmpint(switches.client_beat_interval, ==, 100);
    g_assert_true(switches_set(&switches, "healthCheckEnabled", "true", NULL));
    g_assert_true(switches.health_check);
}

static void test_refuses(void)
{
    static const char *const rows[][2] = {
        {"nonsense", "true"},         {"check", "1"},
        {"clientBeatInterval", "0"},  {"clientBeatInterval", "86400001"},
        {"clientBeatInterval", "-5"}, {"clientBeatInterval", "5s"},
    };
    struct switches switches;
    switches_init(&switches);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(switches_set(&switches, rows[i][0], rows[i][1], &error));
        g_assert_error(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT);
    }
    g_assert_true(switches.health_check);
    g_assert_cmpint(switches.client_beat_interval, ==, 5000);
}

static void test_is_json(void)
{
    struct switches switches;
    g_autoptr(GString) out = g_string_new(NULL);
    switches_init(&switches);
    switches_json(out, &switches);
    struct json_object *object = json_tokener_parse(out->str);
    g_assert_true(json_object_is_type(object, json_type_object));
    json_object_put(object);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/registry/switches/sets", test_sets);
    g_test_add_func("/registry/switches/refuses", test_refuses);
    g_test_add_func("/registry/switches/json", test_is_json);
    return g_test_run();
}
