/* SPDX-License-Identifier: MIT */
#include "fs/overlay.h"

#define NOW (1000 * G_USEC_PER_SEC)

static void instance_at(struct instance *instance, const char *ip)
{
    instance_init(instance);
    instance->ip = g_strdup(ip);
    instance->port = 80;
}

static struct service_info *list_of(const char *ip)
{
    struct service_key *key = service_key_new("G", "s");
    struct instance hosts[1];
    guint n = ip ? 1 : 0;
    if (ip)
        instance_at(&hosts[0], ip);
    struct service_info *info = service_info_new(key, "", hosts, n);
    service_key_free(key);
    return info;
}

struct fixture {
    struct overlay overlay;
    struct instance ours;
};

static void set_up(struct fixture *f, gconstpointer data)
{
    instance_at(&f->ours, "10.0.0.5");
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    overlay_clear(&f->overlay);
    instance_clear(&f->ours);
}

static void nothing_noted_is_the_list_itself(struct fixture *f, gconstpointer data)
{
    g_autoptr(service_info) list = list_of("10.0.0.1");
    g_autoptr(service_info) view = overlay_apply(&f->overlay, list);
    g_assert_true(view == list);
    g_assert_cmpint(overlay_next_end(&f->overlay), ==, 0);
}

static void registered_is_added(struct fixture *f, gconstpointer data)
{
    g_autoptr(service_info) list = list_of("10.0.0.1");
    overlay_note(&f->overlay, &f->ours, FALSE, NOW);
    g_autoptr(service_info) view = overlay_apply(&f->overlay, list);
    g_assert_cmpuint(view->n_hosts, ==, 2);
    g_assert_nonnull(service_info_find(view, &f->ours));
    g_assert_cmpint(overlay_next_end(&f->overlay), ==, NOW + OVERLAY_LIFE);
}

static void deregistered_is_left_out(struct fixture *f, gconstpointer data)
{
    g_autoptr(service_info) list = list_of("10.0.0.5");
    overlay_note(&f->overlay, &f->ours, TRUE, NOW);
    g_autoptr(service_info) view = overlay_apply(&f->overlay, list);
    g_assert_cmpuint(view->n_hosts, ==, 0);
}

static void disabled_is_left_out(struct fixture *f, gconstpointer data)
{
    g_autoptr(service_info) list = list_of("10.0.0.5");
    f->ours.enabled = FALSE;
    overlay_note(&f->overlay, &f->ours, FALSE, NOW);
    g_autoptr(service_info) view = overlay_apply(&f->overlay, list);
    g_assert_cmpuint(view->n_hosts, ==, 0);
}

static void the_last_word_counts(struct fixture *f, gconstpointer data)
{
    g_autoptr(service_info) list = list_of(NULL);
    overlay_note(&f->overlay, &f->ours, TRUE, NOW);
    overlay_note(&f->overlay, &f->ours, FALSE, NOW);
    g_autoptr(service_info) view = overlay_apply(&f->overlay, list);
    g_assert_cmpuint(view->n_hosts, ==, 1);
}

static void ends_when_a_list_agrees(struct fixture *f, gconstpointer data)
{
    g_autoptr(service_info) before = list_of(NULL);
    g_autoptr(service_info) after = list_of("10.0.0.5");
    overlay_note(&f->overlay, &f->ours, FALSE, NOW);
    overlay_settle(&f->overlay, before, NOW);
    g_assert_cmpint(overlay_next_end(&f->overlay), !=, 0);
    overlay_settle(&f->overlay, after, NOW);
    g_assert_cmpint(overlay_next_end(&f->overlay), ==, NOW + OVERLAY_QUIET);
    overlay_settle(&f->overlay, after, NOW + OVERLAY_QUIET);
    g_assert_cmpint(overlay_next_end(&f->overlay), ==, 0);
}

/* Deregistered right after it was registered: the list from before agrees, the push from in between
 * comes late. */
static void list_from_before_does_not_end_it(struct fixture *f, gconstpointer data)
{
    g_autoptr(service_info) before = list_of(NULL);
    g_autoptr(service_info) between = list_of("10.0.0.5");
    overlay_note(&f->overlay, &f->ours, TRUE, NOW);
    overlay_settle(&f->overlay, before, NOW);
    overlay_settle(&f->overlay, between, NOW + OVERLAY_QUIET / 2);
    g_autoptr(service_info) view = overlay_apply(&f->overlay, between);
    g_assert_cmpuint(view->n_hosts, ==, 0);
}

static void another_weight_does_not_agree(struct fixture *f, gconstpointer data)
{
    g_autoptr(service_info) list = list_of("10.0.0.5");
    f->ours.weight = 7;
    overlay_note(&f->overlay, &f->ours, FALSE, NOW);
    overlay_settle(&f->overlay, list, NOW);
    g_autoptr(service_info) view = overlay_apply(&f->overlay, list);
    g_assert_cmpfloat(view->hosts[0].weight, ==, 7);
}

static void health_is_the_servers(struct fixture *f, gconstpointer data)
{
    g_autoptr(service_info) list = list_of("10.0.0.5");
    f->ours.healthy = FALSE;
    overlay_note(&f->overlay, &f->ours, FALSE, NOW);
    overlay_settle(&f->overlay, list, NOW);
    g_autoptr(service_info) view = overlay_apply(&f->overlay, list);
    g_assert_true(view->hosts[0].healthy);
}

static void ends_after_its_time(struct fixture *f, gconstpointer data)
{
    g_autoptr(service_info) list = list_of(NULL);
    overlay_note(&f->overlay, &f->ours, FALSE, NOW);
    overlay_settle(&f->overlay, list, NOW + OVERLAY_LIFE - 1);
    g_assert_cmpint(overlay_next_end(&f->overlay), !=, 0);
    overlay_settle(&f->overlay, list, NOW + OVERLAY_LIFE);
    g_assert_cmpint(overlay_next_end(&f->overlay), ==, 0);
}

static void add(const char *name, void (*test)(struct fixture *f, gconstpointer data))
{
    g_test_add(name, struct fixture, NULL, set_up, test, tear_down);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    add("/overlay/nothing_noted_is_the_list_itself", nothing_noted_is_the_list_itself);
    add("/overlay/registered_is_added", registered_is_added);
    add("/overlay/deregistered_is_left_out", deregistered_is_left_out);
    add("/overlay/disabled_is_left_out", disabled_is_left_out);
    add("/overlay/the_last_word_counts", the_last_word_counts);
    add("/overlay/ends_when_a_list_agrees", ends_when_a_list_agrees);
    add("/overlay/list_from_before_does_not_end_it", list_from_before_does_not_end_it);
    add("/overlay/another_weight_does_not_agree", another_weight_does_not_agree);
    add("/overlay/health_is_the_servers", health_is_the_servers);
    add("/overlay/ends_after_its_time", ends_after_its_time);
    return g_test_run();
}
