/* SPDX-License-Identifier: MIT */
#include "fs/slots.h"

static void first_record_has_id_1(void)
{
    struct slots *slots = slots_new(NULL);
    int item;
    g_assert_cmpuint(slots_add(slots, &item), ==, 1);
    slots_free(slots);
}

static void id_finds_its_record(void)
{
    struct slots *slots = slots_new(NULL);
    int items[3];
    guint64 ids[3];
    for (int i = 0; i < 3; i++)
        ids[i] = slots_add(slots, &items[i]);
    for (int i = 0; i < 3; i++)
        g_assert_true(slots_get(slots, ids[i]) == &items[i]);
    g_assert_cmpuint(slots_count(slots), ==, 3);
    slots_free(slots);
}

static void old_id_never_finds_the_next_record(void)
{
    struct slots *slots = slots_new(NULL);
    int first, second;
    guint64 old = slots_add(slots, &first);
    slots_remove(slots, old);
    guint64 new = slots_add(slots, &second);
    g_assert_cmpuint(slots_index(old), ==, slots_index(new));
    g_assert_cmpuint(old, !=, new);
    g_assert_null(slots_get(slots, old));
    g_assert_true(slots_get(slots, new) == &second);
    slots_free(slots);
}

static void unknown_ids_find_nothing(void)
{
    struct slots *slots = slots_new(NULL);
    g_assert_null(slots_get(slots, 0));
    g_assert_null(slots_get(slots, 77));
    slots_remove(slots, 77);
    g_assert_cmpuint(slots_count(slots), ==, 0);
    slots_free(slots);
}

static void count_free(gpointer item)
{
    ++*(int *)item;
}

static void records_are_freed_once(void)
{
    int freed[2] = {0, 0};
    struct slots *slots = slots_new(count_free);
    guint64 id = slots_add(slots, &freed[0]);
    slots_add(slots, &freed[1]);
    slots_remove(slots, id);
    slots_remove(slots, id);
    g_assert_cmpint(freed[0], ==, 1);
    slots_free(slots);
    g_assert_cmpint(freed[0], ==, 1);
    g_assert_cmpint(freed[1], ==, 1);
}

static void walking_meets_each_living_record(void)
{
    struct slots *slots = slots_new(NULL);
    int items[100];
    guint64 ids[100];
    guint met = 0;
    for (int i = 0; i < 100; i++)
        ids[i] = slots_add(slots, &items[i]);
    for (int i = 0; i < 100; i += 3)
        slots_remove(slots, ids[i]);
    for (guint i = 1; i <= slots_high(slots); i++)
        met += slots_at(slots, i) != NULL;
    g_assert_cmpuint(met, ==, slots_count(slots));
    g_assert_cmpuint(met, ==, 66);
    slots_free(slots);
}

static void restored_record_has_its_old_id(void)
{
    guint64 next = 0;
    int items[3];
    struct slots *before = slots_new(NULL);
    slots_begin_at(before, &next);
    guint64 ids[3];
    for (int i = 0; i < 3; i++)
        ids[i] = slots_add(before, &items[i]);
    slots_remove(before, ids[1]);
    guint64 again = slots_add(before, &items[1]);
    slots_free(before);

    struct slots *after = slots_new(NULL);
    slots_begin_at(after, &next);
    g_assert_true(slots_put(after, again, &items[1]));
    g_assert_true(slots_put(after, ids[2], &items[2]));
    g_assert_false(slots_put(after, ids[2], &items[0]));
    slots_restored(after);
    g_assert_true(slots_get(after, again) == &items[1]);
    g_assert_true(slots_get(after, ids[2]) == &items[2]);
    g_assert_null(slots_get(after, ids[0]));
    g_assert_cmpuint(slots_count(after), ==, 2);
    slots_free(after);
}

static void id_of_an_earlier_process_is_not_given_out_again(void)
{
    guint64 next = 0;
    int item;
    struct slots *before = slots_new(NULL);
    slots_begin_at(before, &next);
    guint64 old = slots_add(before, &item);
    slots_free(before);

    struct slots *after = slots_new(NULL);
    slots_begin_at(after, &next);
    slots_restored(after);
    guint64 new = slots_add(after, &item);
    g_assert_cmpuint(slots_index(new), ==, slots_index(old));
    g_assert_cmpuint(new, !=, old);
    g_assert_cmpuint(next, ==, 2);
    slots_free(after);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/slots/first_record_has_id_1", first_record_has_id_1);
    g_test_add_func("/slots/id_finds_its_record", id_finds_its_record);
    g_test_add_func("/slots/old_id_never_finds_the_next_record",
                    old_id_never_finds_the_next_record);
    g_test_add_func("/slots/unknown_ids_find_nothing", unknown_ids_find_nothing);
    g_test_add_func("/slots/records_are_freed_once", records_are_freed_once);
    g_test_add_func("/slots/walking_meets_each_living_record", walking_meets_each_living_record);
    g_test_add_func("/slots/restored", restored_record_has_its_old_id);
    g_test_add_func("/slots/generations", id_of_an_earlier_process_is_not_given_out_again);
    return g_test_run();
}
